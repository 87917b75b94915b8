import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MapStage, type StageLink, type StageNode } from './stage.js';

/** Frames that were asked for and have not come yet. */
let frames: FrameRequestCallback[] = [];
let nowMs = 0;

beforeEach(() => {
  frames = [];
  nowMs = 0;
  vi.stubGlobal('requestAnimationFrame', (run: FrameRequestCallback) => frames.push(run));
  vi.stubGlobal('cancelAnimationFrame', () => {
    frames = [];
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Lets so many frames pass, or all until none is asked for; returns how many there were. */
function pass(most: number): number {
  let count = 0;
  for (; count < most && frames.length > 0; count++) {
    nowMs += 16;
    for (const run of frames.splice(0)) run(nowMs);
  }
  return count;
}

class FakeElement {
  readonly attributes = new Map<string, string>();
  writes = 0;
  readonly style = { setProperty: () => {} };
  getAttribute(name: string): string | null {
    return this.attributes.get(name) ?? null;
  }
  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value);
    this.writes++;
  }
}

function rig() {
  const elements = new Map<string, FakeElement>();
  const element = (id: string) => {
    if (!elements.has(id)) elements.set(id, new FakeElement());
    return elements.get(id) as unknown as SVGElement;
  };
  const dots = { arc: vi.fn() };
  const context = {
    ...dots,
    canvas: { width: 800, height: 500 },
    setTransform: () => {},
    clearRect: vi.fn(),
    beginPath: () => {},
    moveTo: () => {},
    fill: () => {},
  };
  const canvas = { width: 0, height: 0, getContext: () => context };
  const stage = new MapStage({
    node: element,
    link: element,
    scene: () => element('scene') as unknown as SVGGElement,
    canvas: () => canvas as unknown as HTMLCanvasElement,
  });
  stage.resize({ width: 800, height: 500 }, { top: 20, right: 20, bottom: 20, left: 20 });
  const writes = () => [...elements.values()].reduce((sum, one) => sum + one.writes, 0);
  return { stage, elements, context, writes };
}

const NODES: StageNode[] = [
  { id: 'm', role: 'minder', radius: 20 },
  { id: 'a', role: 'tracker', radius: 20 },
  { id: 'b', role: 'tracker', radius: 20 },
];
const flow = (recordsPerSecond: number): StageLink[] => [
  { id: 'a>b', from: 'a', to: 'b', recordsPerSecond, isDim: false },
];

describe('the stage', () => {
  it('asks for no frame while nothing moves and nothing flows', () => {
    const { stage, elements } = rig();
    stage.show(NODES, flow(0));
    expect(pass(10)).toBe(0);
    expect(elements.get('a')?.attributes.get('transform')).toMatch(/^translate\(/);
    expect(elements.get('a>b')?.attributes.get('d')).toMatch(/^M.*Q/);
  });

  it('draws dots while records flow, at about 30 frames a second', () => {
    const { stage, context } = rig();
    stage.show(NODES, flow(100));
    expect(pass(60)).toBe(60);
    const drawn = context.clearRect.mock.calls.length;
    expect(drawn).toBeGreaterThan(20);
    expect(drawn).toBeLessThan(40);
    expect(context.arc).toHaveBeenCalled();
  });

  it.each([
    ['out of sight', (stage: MapStage) => stage.setSeen(false)],
    [
      'for who wants no motion',
      (stage: MapStage) => stage.setMood({ isStill: true, isLive: true }),
    ],
    ['of old numbers', (stage: MapStage) => stage.setMood({ isStill: false, isLive: false })],
    ['after its end', (stage: MapStage) => stage.stop()],
  ])('draws none %s', (_, quiet) => {
    const { stage, context } = rig();
    stage.show(NODES, flow(100));
    pass(5);
    quiet(stage);
    pass(2);
    context.arc.mockClear();
    expect(pass(10)).toBe(0);
    expect(context.arc).not.toHaveBeenCalled();
  });

  it('goes on when it is seen again', () => {
    const { stage } = rig();
    stage.show(NODES, flow(100));
    stage.setSeen(false);
    pass(3);
    stage.setSeen(true);
    expect(pass(10)).toBe(10);
  });

  it('writes nothing again when a tick brings nothing new', () => {
    const { stage, writes } = rig();
    stage.show(NODES, flow(0));
    const before = writes();
    stage.show([...NODES], flow(0));
    expect(writes()).toBe(before);
  });

  it('moves a new node in over frames, and comes to rest', () => {
    const { stage, elements } = rig();
    stage.show(NODES, flow(0));
    stage.show([...NODES, { id: 'c', role: 'tracker', radius: 20 }], flow(0));
    const start = elements.get('c')?.attributes.get('transform');
    expect(pass(2_000)).toBeGreaterThan(20);
    expect(frames).toHaveLength(0);
    expect(elements.get('c')?.attributes.get('transform')).not.toBe(start);
  });

  it('puts it in its place at once for who wants no motion', () => {
    const { stage } = rig();
    stage.setMood({ isStill: true, isLive: true });
    stage.show(NODES, flow(9));
    stage.show([...NODES, { id: 'c', role: 'tracker', radius: 20 }], flow(9));
    expect(pass(10)).toBeLessThan(3);
  });
});
