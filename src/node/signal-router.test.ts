import { afterEach, expect, it } from 'vitest';
import { encodeSignal, type Signal } from '../protocol/cluster/signal.js';
import { WEB_WIRE_BYTES, writeWebWire } from '../swarm/web-wire.js';
import { TRACKER_COUNTER_BYTES, TrackerCounter } from '../tracker/counters.js';
import type { WebHandler } from '../tracker/web-handler.js';
import { webPeerNumber } from '../tracker/web-voice.js';
import { CLUSTER_THREAD } from './plan.js';
import { createSignalEnds, SIGNALS_PENDING_MAX, type SignalEnd, SignalPort } from './signal-end.js';
import { SignalRouter } from './signal-router.js';

const SELF = 'n00000000000000aa';
const OTHER = 'n00000000000000bb';
const EPOCH = 1_700_000_000;
const [HERE, THERE, NOWHERE] = [4, 5, 6];

const closing: { close(): void }[] = [];
afterEach(() => {
  for (const one of closing.splice(0)) one.close();
});

function wire(node: string, thread: number, epoch = EPOCH): string {
  const bytes = Buffer.alloc(WEB_WIRE_BYTES);
  writeWebWire(bytes, 0, { node, connection: webPeerNumber(thread, 3), epoch });
  return bytes.toString('latin1');
}

function signal(to: string, more: Partial<Signal> = {}): Signal {
  const ids = { infoHash: 'h'.repeat(20), peerId: 'p'.repeat(20), offerId: 'o'.repeat(20) };
  return { what: 'offer', ...ids, from: wire(SELF, HERE), to, text: '{"sdp":"x"}', ...more };
}

/** A thread: what it was given to deliver, and what it lost. */
function thread(number: number) {
  const taken: [Signal, number][] = [];
  let wake = () => {};
  const handler = {
    beginBatch: () => {},
    take: (one: Signal, to: number) => {
      taken.push([one, to]);
      wake();
    },
  } as unknown as WebHandler;
  const counts = new Float64Array(TRACKER_COUNTER_BYTES / 8);
  const router = new SignalRouter(
    { origin: { node: SELF, epoch: EPOCH }, thread: number },
    { handler: () => handler, counts },
  );
  closing.push(router);
  const arrived = async (count: number) => {
    while (taken.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { router, taken, arrived, lost: () => counts[TrackerCounter.webOffersLost] };
}

function listen(end: SignalEnd, hear: (bytes: Uint8Array) => void): SignalPort {
  const port = new SignalPort(end, hear);
  closing.push(port);
  return port;
}

it('delivers what is for this thread at once', () => {
  const here = thread(HERE);
  const one = signal(wire(SELF, HERE));
  here.router.route(one);
  expect(here.taken).toEqual([[one, webPeerNumber(HERE, 3)]]);
});

it('brings to another thread what is for it', async () => {
  const [here, there] = [thread(HERE), thread(THERE)];
  const [end, other] = createSignalEnds();
  here.router.connect(THERE, end);
  there.router.connect(HERE, other);
  const one = signal(wire(SELF, THERE));
  here.router.route(one);
  await there.arrived(1);
  expect(there.taken).toEqual([[one, webPeerNumber(THERE, 3)]]);
  expect(here.taken).toEqual([]);
});

it('gives the cluster worker what is for other trackers, and takes what they send', async () => {
  const here = thread(HERE);
  const [end, other] = createSignalEnds();
  here.router.connect(CLUSTER_THREAD, end);
  const heard: Uint8Array[] = [];
  let wake = () => {};
  const port = listen(other, (bytes) => {
    heard.push(bytes);
    wake();
  });
  const out = signal(wire(OTHER, HERE));
  const arrival = new Promise<void>((resolve) => {
    wake = resolve;
  });
  here.router.route(out);
  await arrival;
  expect(heard).toEqual([encodeSignal(out)]);

  const to = wire(SELF, HERE);
  // Another tracker may send what no decoder of ours would let pass.
  port.send(encodeSignal(signal(to, { text: '{},"peer_id":1' })));
  port.send(encodeSignal(signal(to)));
  await here.arrived(1);
  expect(here.taken).toEqual([[signal(to), webPeerNumber(HERE, 3)]]);
  expect(here.lost()).toBe(1);
});

it('counts what is for nobody', () => {
  const here = thread(HERE);
  here.router.route(signal(wire(SELF, HERE, EPOCH - 1)));
  here.router.route(signal(wire(SELF, NOWHERE)));
  here.router.route(signal(wire(OTHER, HERE)));
  expect(here.taken).toEqual([]);
  expect(here.lost()).toBe(3);
});

it('holds no more than so many on their way to a thread that does not take them', () => {
  const here = thread(HERE);
  const [end] = createSignalEnds();
  here.router.connect(THERE, end);
  for (let i = 0; i < SIGNALS_PENDING_MAX + 3; i++) here.router.route(signal(wire(SELF, THERE)));
  expect(here.lost()).toBe(3);
});
