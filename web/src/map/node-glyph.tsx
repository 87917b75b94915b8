/**
 * How a node looks: minders are hexagons, trackers discs; the state is a colour, a stroke and a mark.
 *
 * ```
 *   state         stroke             mark
 *   healthy       solid              disc
 *   joining       dashed, turning    ring
 *   draining      solid              triangle
 *   unreachable   dashed, grey       cross
 *   revoked       dotted, grey       bar
 * ```
 */
import { stateTone, type Tone } from '../kit/badge.js';
import type { NodeState } from '../tick.js';
import { hexagon } from './geometry.js';

export interface GlyphProps {
  readonly role: 'tracker' | 'minder';
  readonly state: NodeState;
  readonly radius: number;
}

/** Smaller shapes carry no text. */
const TEXT_FROM = 17;
/** Smaller shapes carry no mark unless something is amiss. */
const MARK_FROM = 10;

export function Glyph({ role, state, radius }: GlyphProps) {
  const hasMark = radius >= MARK_FROM || state !== 'healthy';
  return (
    <g class={`glyph glyph-${role} at-${stateTone(state)}`}>
      <Shape role={role} radius={radius + 6} class="glyph-halo" />
      <Shape role={role} radius={radius} class="glyph-ground" />
      <Shape role={role} radius={radius} class="glyph-shape" />
      {role === 'minder' && <Eye size={radius} />}
      {hasMark && <StateMark tone={stateTone(state)} radius={radius} />}
    </g>
  );
}

/** Within the shape of a tracker, where there is room. */
export function GlyphText({ text, radius }: { readonly text: string; readonly radius: number }) {
  if (radius < TEXT_FROM || text === '') return null;
  return (
    <text class="glyph-text" dy="0.35em" font-size={fontSize(text, radius)}>
      {text}
    </text>
  );
}

interface ShapeProps {
  readonly role: 'tracker' | 'minder';
  readonly radius: number;
  readonly class: string;
}

function Shape({ role, radius, class: name }: ShapeProps) {
  return role === 'minder' ? (
    <polygon class={name} points={hexagon(radius * 1.08)} />
  ) : (
    <circle class={name} r={radius} />
  );
}

/** Minders watch. */
function Eye({ size }: { readonly size: number }) {
  return (
    <g class="glyph-eye" transform={`scale(${(size / 17).toFixed(3)})`}>
      <path d="M-9 0C-5.4-6.4 5.4-6.4 9 0 5.4 6.4-5.4 6.4-9 0Z" />
      <circle r="2.7" />
    </g>
  );
}

/** The shapes of the badges, at the upper right. */
function StateMark({ tone, radius }: { readonly tone: Tone; readonly radius: number }) {
  const size = Math.min(6.5, Math.max(4, radius * 0.24));
  const at = radius * 0.74;
  return (
    <g
      class={`glyph-mark at-${tone}`}
      transform={`translate(${at.toFixed(1)} ${(-at).toFixed(1)}) scale(${(size / 5).toFixed(2)})`}
    >
      <circle class="mark-ground" r="6.6" />
      {tone === 'ok' && <circle class="mark-fill" r="3.9" />}
      {tone === 'info' && <circle class="mark-line" r="3.2" />}
      {tone === 'warn' && <path class="mark-fill" d="M0-4.6 4.6 3.7H-4.6Z" />}
      {tone === 'bad' && <path class="mark-line" d="m-3-3 6 6m0-6-6 6" />}
      {tone === 'off' && <path class="mark-line" d="M-3.4 0h6.8" />}
    </g>
  );
}

function fontSize(text: string, radius: number): number {
  return Math.round(Math.min(13, (2.5 * radius) / Math.max(3, text.length)) * 10) / 10;
}

/** The same shape for lists and legends, 14 pixels wide. */
export function RoleIcon({ kind }: { readonly kind: 'tracker' | 'minder' }) {
  return (
    <svg class="role-icon" viewBox="-8 -8 16 16" aria-hidden="true" focusable="false">
      {kind === 'minder' ? <polygon points={hexagon(6.6)} /> : <circle r="5.8" />}
    </svg>
  );
}
