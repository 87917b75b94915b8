import { expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { encodeSignal, type Signal, signalSubject } from '../protocol/cluster/signal.js';
import { WEB_WIRE_BYTES, writeWebWire } from '../swarm/web-wire.js';
import { RELAY_BURST_SECONDS } from '../tracker/relay-budget.js';
import { MemoryBus } from './memory-bus.js';
import { SignalExchange } from './signal-exchange.js';

const [A, B, C] = ['n00000000000000aa', 'n00000000000000bb', 'n00000000000000cc'];

function wire(node: string): string {
  const bytes = Buffer.alloc(WEB_WIRE_BYTES);
  writeWebWire(bytes, 0, { node, connection: 7, epoch: 8 });
  return bytes.toString('latin1');
}

function signal(from: string, to: string, more: Partial<Signal> = {}): Uint8Array<ArrayBuffer> {
  const ids = { infoHash: 'h'.repeat(20), peerId: 'p'.repeat(20), offerId: 'o'.repeat(20) };
  const ends = { from: wire(from), to: wire(to) };
  return encodeSignal({ what: 'offer', ...ids, ...ends, text: '{}', ...more });
}

function rig(bytesPerSecond = 1_000_000) {
  const bus = new MemoryBus();
  const clock = new ManualClock();
  const node = (id: string) => {
    const heard: Uint8Array[] = [];
    const transport = bus.join(id);
    const exchange = new SignalExchange(
      { id, bytesPerSecond },
      { transport, clock, deliver: (bytes) => heard.push(bytes) },
    );
    return { exchange, transport, heard };
  };
  return { bus, clock, a: node(A), b: node(B), c: node(C) };
}

it('brings a signal to the node that it names, and to no other', () => {
  const { bus, a, b, c } = rig();
  const sent = signal(A, B);
  a.exchange.send(sent.slice());
  bus.settle();
  expect(b.heard).toEqual([sent]);
  expect([a.heard, c.heard]).toEqual([[], []]);
  expect([a.exchange.counts.sent, b.exchange.counts.received]).toEqual([1, 1]);
});

it('drops what speaks for web peers of another node, or of none', () => {
  const { bus, a, b } = rig();
  // The bus lets A speak on this subject, whatever it says there.
  for (const bytes of [signal(C, B), signal(B, B), signal('', B), signal(A, C), signal(A, '')]) {
    a.transport.publish(signalSubject(B, A), bytes);
  }
  bus.settle();
  expect(b.heard).toEqual([]);
  expect(b.exchange.counts.forged).toBe(5);
});

it('drops what is no signal', () => {
  const { bus, a, b } = rig();
  const damaged = signal(A, B);
  damaged[30] ^= 1;
  for (const bytes of [new Uint8Array(0), Buffer.from('{}'), damaged, new Uint8Array(70_000)]) {
    a.transport.publish(signalSubject(B, A), bytes);
  }
  a.transport.publish(signalSubject(B, 'nobody'), signal(A, B));
  bus.settle();
  expect(b.heard).toEqual([]);
  expect(b.exchange.counts.malformed).toBe(5);
});

it('takes so many bytes a second from one node, and leaves others theirs', () => {
  const one = signal(A, B, { text: 'x'.repeat(884) });
  expect(one.length).toBe(1_000);
  const { bus, clock, a, b, c } = rig(1_000);
  const burst = RELAY_BURST_SECONDS;
  for (let i = 0; i < burst + 2; i++) a.exchange.send(one.slice());
  c.exchange.send(signal(C, B));
  bus.settle();
  expect(b.heard).toHaveLength(burst + 1);
  expect(b.exchange.counts.overBudget).toBe(2);
  clock.advance(1);
  for (let i = 0; i < 2; i++) a.exchange.send(one.slice());
  bus.settle();
  expect(b.heard).toHaveLength(burst + 2);
});

it('counts what it cannot send', () => {
  const { bus, a } = rig();
  a.exchange.send(signal(A, ''));
  a.exchange.send(signal(A, A));
  bus.setConnected(A, false);
  a.exchange.send(signal(A, B));
  expect(a.exchange.counts).toMatchObject({ sent: 0, unsent: 3 });
});
