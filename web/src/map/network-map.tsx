/**
 * The picture of the cluster: every node, what flows between them, and how they are.
 *
 * One node is a stop for the Tab key; arrows go from node to node, Enter opens the details of one,
 * Escape closes them, + and - zoom, 0 fits. The list beside it says the same in words.
 */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { resolveColor, theme } from '../theme.js';
import { nodeRadius, roomFor, THIN_FROM_LINKS } from './geometry.js';
import { listenToGestures } from './gestures.js';
import { MapTools } from './map-tools.js';
import {
  commonVersion,
  drawnNodes,
  isHeard,
  type MapModel,
  type MapNode,
  PULSE_MS,
} from './model.js';
import { type Direction, neighbour } from './neighbour.js';
import { Glyph, GlyphText } from './node-glyph.js';
import { type SizeBy, shortName, shortSize, sizeOf, spoken, subtitle } from './node-words.js';
import { MapStage, type StageLink } from './stage.js';
import { type Margins, panned, type Size, showing, type Zoom, zoomedAt } from './viewport.js';

export interface NetworkMapProps {
  readonly model: MapModel;
  readonly sizeBy: SizeBy;
  readonly selected: string | undefined;
  readonly onSelect: (id: string | undefined) => void;
  /** Pixels at the right that the details cover. */
  readonly covered: number;
  /** False while the numbers are old: nothing runs then. */
  readonly isLive: boolean;
}

const ARROWS: Readonly<Record<string, Direction>> = {
  ArrowUp: 'up',
  ArrowDown: 'down',
  ArrowLeft: 'left',
  ArrowRight: 'right',
};
const ZOOM_STEP = 1.35;
/** From so many nodes on they carry no second line, and then names only where they matter. */
const PLAIN_FROM = 32;
const CROWDED_FROM = 70;
/** A map that is as narrow as this says only what is amiss. */
const NARROW_PX = 480;
/** So far in, names are shown again. */
const NEAR_SCALE = 1.9;
/** A link on which changes wait for so long is late. */
const LATE_MS = 1_000;

export function NetworkMap(props: NetworkMapProps) {
  const { model, sizeBy, selected, onSelect, covered, isLive } = props;
  const surfaces = useSurfaces();
  const { stage, svg, box } = surfaces;
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  const [scale, setScale] = useState(1);
  const [focused, setFocused] = useState<string>();
  const nodes = useMemo(() => drawnNodes(model.nodes), [model]);
  const links = useMemo(() => stageLinks(model, nodes, selected), [model, nodes, selected]);
  const room = roomFor(nodes.length, size.width, size.height);
  const largest = Math.max(0, ...nodes.map((node) => sizeOf(node, sizeBy)));
  const radiusOf = (node: MapNode) => radiusIn(room, node, sizeOf(node, sizeBy), largest);

  useSize(box, setSize);
  useLayoutEffect(() => {
    if (size.width > 0) stage.resize(size, marginsOf(size, room, covered));
  }, [size, covered, room]);
  useLayoutEffect(() => {
    stage.show(
      nodes.map((node) => ({ id: node.id, role: node.view.role, radius: radiusOf(node) })),
      links,
    );
  });
  useMood(stage, box, isLive);
  const zoomTo = (zoom: Zoom) => {
    stage.zoomTo(zoom);
    setScale(zoom.scale);
  };
  // The listeners outlive this drawing, and with it what it would call.
  const deselect = useRef(() => {});
  deselect.current = () => onSelect(undefined);
  useEffect(() => {
    if (svg.current === null) return;
    return listenToGestures(svg.current, {
      pan: (dx, dy) => zoomTo(panned(stage.zoom, dx, dy, stage.size)),
      zoom: (factor, at) => zoomTo(zoomedAt(stage.zoom, factor, at, stage.size)),
      press: () => deselect.current(),
      drag: (id, { x, y }) => {
        const { scale, x: left, y: top } = stage.zoom;
        stage.drag(id, { x: (x - left) / scale, y: (y - top) / scale });
      },
    });
  }, []);

  const middle = { x: size.width / 2, y: size.height / 2 };
  const zoomBy = (factor: number) => zoomTo(zoomedAt(stage.zoom, factor, middle, size));
  const fitAll = () => {
    stage.reset();
    setScale(1);
  };
  const focus = (id: string) => {
    setFocused(id);
    surfaces.nodes.get(id)?.querySelector<SVGElement>('[role=button]')?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event;
    const from = focused ?? stop;
    if (key in ARROWS) {
      const next = from && neighbour(stage.places, from, ARROWS[key]);
      if (next) focus(next);
    } else if (key === 'Home') focus(nodes[0].id);
    else if (key === 'End') focus(nodes[nodes.length - 1].id);
    else if ((key === 'Enter' || key === ' ') && from) onSelect(from);
    else if (key === 'Escape' && selected !== undefined) onSelect(undefined);
    else if (key === '+' || key === '=') zoomBy(ZOOM_STEP);
    else if (key === '-') zoomBy(1 / ZOOM_STEP);
    else if (key === '0') fitAll();
    else return;
    event.preventDefault();
  };
  // The one that Tab stops at must be one that is there.
  const stop = [focused, selected, nodes[0]?.id].find(
    (id) => id !== undefined && model.byId.has(id),
  );
  const version = commonVersion(model.nodes);
  const isCrowded = nodes.length >= CROWDED_FROM && scale < NEAR_SCALE;
  const near = selected === undefined ? undefined : neighboursOf(links, selected);
  const isNarrow = size.width < NARROW_PX;
  const hasSecond = ({ view }: MapNode) =>
    nodes.length < PLAIN_FROM && (!isNarrow || view.state !== 'healthy');
  const omitted = model.nodes.length - nodes.length;

  return (
    <div ref={box} class="map-box" data-testid="map">
      <canvas ref={surfaces.canvas} class="map-canvas" />
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot hold a picture */}
      <svg
        ref={svg}
        class={svgClass({
          isCrowded,
          isZoomed: scale !== 1,
          isMany: links.length > THIN_FROM_LINKS,
        })}
        role="group"
        aria-label="Map of the cluster. Arrow keys go from node to node, Enter opens details."
        onKeyDown={onKeyDown}
      >
        <rect class="map-ground" width="100%" height="100%" />
        <g ref={surfaces.scene}>
          <g class="map-links">
            {links.map((link) => (
              <LinkPath key={link.id} link={link} lagMs={lagOf(model, link)} keep={surfaces.link} />
            ))}
          </g>
          {nodes.map((node) => (
            <g
              key={node.id}
              ref={surfaces.node(node.id)}
              class={nodeClass(node, { model, selected, isDim: near?.has(node.id) === false })}
              data-node={node.id}
              data-state={node.view.state}
              data-testid="map-node"
            >
              {isPulsing(node, model.atMs) && <circle class="map-pulse" r={radiusOf(node)} />}
              <g class="map-node-body">
                {/* biome-ignore lint/a11y/useSemanticElements: SVG has no button */}
                <g
                  class="map-node-hit"
                  role="button"
                  tabIndex={node.id === stop ? 0 : -1}
                  aria-label={spoken(node, model.atMs)}
                  aria-pressed={node.id === selected}
                  onClick={() => onSelect(node.id === selected ? undefined : node.id)}
                  onFocus={() => {
                    setFocused(node.id);
                    const at = stage.places.get(node.id);
                    if (at !== undefined) zoomTo(showing(stage.zoom, at, size));
                  }}
                >
                  <Glyph role={node.view.role} state={node.view.state} radius={radiusOf(node)} />
                </g>
                <Label
                  node={node}
                  radius={radiusOf(node)}
                  inside={node.view.role === 'tracker' ? shortSize(node, sizeBy) : ''}
                  second={hasSecond(node) ? subtitle(node, model.atMs, version) : ''}
                />
              </g>
            </g>
          ))}
        </g>
      </svg>
      <MapTools onIn={() => zoomBy(ZOOM_STEP)} onOut={() => zoomBy(1 / ZOOM_STEP)} onFit={fitAll} />
      {omitted > 0 && <p class="map-omitted">{omitted} more nodes are in the list</p>}
    </div>
  );
}

interface LabelProps {
  readonly node: MapNode;
  readonly radius: number;
  readonly inside: string;
  readonly second: string;
}

/** For the eye: who listens is told all of it by the name of the button. */
function Label({ node, radius, inside, second }: LabelProps) {
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it takes the focus
    <g class="map-label" aria-hidden="true">
      <GlyphText text={inside} radius={radius} />
      <text class="map-name" y={radius + 17}>
        {shortName(node.view.name)}
      </text>
      {second !== '' && (
        <text class="map-second" y={radius + 31}>
          {second}
        </text>
      )}
    </g>
  );
}

interface LinkPathProps {
  readonly link: StageLink;
  readonly lagMs: number | null;
  readonly keep: (id: string) => (element: SVGPathElement | null) => void;
}

/** Where it runs is the stage's to say. */
function LinkPath({ link, lagMs, keep }: LinkPathProps) {
  const { id, recordsPerSecond, isDim } = link;
  const kind =
    recordsPerSecond === undefined
      ? 'is-tie'
      : recordsPerSecond > 0
        ? (lagMs ?? 0) >= LATE_MS
          ? 'is-late'
          : 'is-busy'
        : 'is-silent';
  return <path ref={keep(id)} class={`map-link ${kind}${isDim ? ' is-dim' : ''}`} data-link={id} />;
}

/** The stage and the elements that it moves. */
function useSurfaces() {
  const box = useRef<HTMLDivElement>(null);
  const svg = useRef<SVGSVGElement>(null);
  const scene = useRef<SVGGElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const made = useMemo(() => {
    const nodes = new Map<string, SVGGElement>();
    const links = new Map<string, SVGPathElement>();
    const stage = new MapStage({
      node: (id) => nodes.get(id),
      link: (id) => links.get(id),
      scene: () => scene.current,
      canvas: () => canvas.current,
    });
    return { stage, nodes, node: keeper(nodes), link: keeper(links) };
  }, []);
  useEffect(() => () => made.stage.stop(), []);
  return { ...made, box, svg, scene, canvas };
}

/** The same function for the same id, so that Preact need not call it again at each tick. */
function keeper<E>(elements: Map<string, E>): (id: string) => (element: E | null) => void {
  const keepers = new Map<string, (element: E | null) => void>();
  return (id) => {
    let keep = keepers.get(id);
    if (keep === undefined) {
      keep = (element) => {
        if (element !== null) elements.set(id, element);
        else {
          elements.delete(id);
          keepers.delete(id);
        }
      };
      keepers.set(id, keep);
    }
    return keep;
  };
}

function useSize(box: { current: HTMLElement | null }, setSize: (size: Size) => void): void {
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);
}

/** Nothing moves out of sight, for who wants less motion, or while nothing is heard. */
function useMood(stage: MapStage, box: { current: HTMLElement | null }, isLive: boolean): void {
  const [isStill, setStill] = useState(false);
  useEffect(() => {
    const query = matchMedia('(prefers-reduced-motion: reduce)');
    const read = () => setStill(query.matches);
    read();
    query.addEventListener('change', read);
    return () => query.removeEventListener('change', read);
  }, []);
  useEffect(() => stage.setMood({ isStill, isLive }), [isStill, isLive]);
  const shown = theme.value;
  useEffect(() => stage.setColor(resolveColor('--accent')), [shown]);
  useEffect(() => {
    if (box.current === null) return;
    let isOnScreen = true;
    const tell = () => stage.setSeen(isOnScreen && document.visibilityState !== 'hidden');
    const observer = new IntersectionObserver((entries) => {
      isOnScreen = entries[entries.length - 1].isIntersecting;
      tell();
    });
    observer.observe(box.current);
    document.addEventListener('visibilitychange', tell);
    return () => {
      observer.disconnect();
      document.removeEventListener('visibilitychange', tell);
    };
  }, []);
}

/** In halves of a pixel: a few peers more are nothing to draw again for. */
function radiusIn(room: number, { view }: MapNode, value: number, largest: number): number {
  if (view.state === 'revoked') return room * 0.5;
  if (view.role === 'minder') return room * 0.8;
  return Math.round(2 * nodeRadius(value, largest, room)) / 2;
}

function marginsOf({ width }: Size, room: number, covered: number): Margins {
  const side = Math.min(room + 56, width / 5);
  return { top: room + 26, right: side + covered, bottom: room + 44, left: side };
}

/** Records as they flow, and below them who hears whose heartbeats. */
function stageLinks(
  model: MapModel,
  nodes: readonly MapNode[],
  selected: string | undefined,
): StageLink[] {
  const drawn = new Set(nodes.map(({ id }) => id));
  const isDim = (from: string, to: string) =>
    selected !== undefined && from !== selected && to !== selected;
  const self = nodes.find((node) => node.isSelf)?.id;
  const ties = nodes
    .filter(({ id, view }) => id !== self && view.state !== 'revoked' && isHeard(view.reason))
    .map(({ id }) => ({
      id: `${self}~${id}`,
      from: self ?? '',
      to: id,
      isDim: isDim(self ?? '', id),
    }));
  const flows = model.links
    .filter(({ from, to }) => drawn.has(from) && drawn.has(to))
    .map(({ id, from, to, recordsPerSecond }) => ({
      id,
      from,
      to,
      recordsPerSecond,
      isDim: isDim(from, to),
    }));
  return self === undefined ? flows : [...ties, ...flows];
}

function lagOf(model: MapModel, { id }: StageLink): number | null {
  return model.linksById.get(id)?.lagMs ?? null;
}

function neighboursOf(links: readonly StageLink[], id: string): Set<string> {
  const near = new Set([id]);
  for (const { from, to } of links) {
    if (from === id) near.add(to);
    if (to === id) near.add(from);
  }
  return near;
}

function svgClass(looks: Readonly<Record<string, boolean>>): string {
  const names = Object.keys(looks).filter((name) => looks[name]);
  return ['map-svg', ...names.map(kebabCase)].join(' ');
}

/** `isMany` is `is-many`. */
function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function isPulsing({ returnedMs }: MapNode, atMs: number): boolean {
  return returnedMs !== null && atMs - returnedMs < PULSE_MS;
}

function nodeClass(
  { id, view }: MapNode,
  look: {
    readonly model: MapModel;
    readonly selected: string | undefined;
    readonly isDim: boolean;
  },
): string {
  const names = ['map-node', `is-${view.state}`, `is-${view.role}`];
  if (id === look.selected) names.push('is-selected');
  if (look.isDim) names.push('is-dim');
  return names.join(' ');
}
