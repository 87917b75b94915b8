import { expect, it } from 'vitest';
import { MemoryBus, type MemoryBusOptions, type MemoryTransport } from './memory-bus.js';

const text = (payload: Uint8Array) => Buffer.from(payload).toString();
const bytes = (said: string) => Buffer.from(said);

/** A bus with nodes that write down what they hear of `peers.*`. */
function listeners(names: string, options?: MemoryBusOptions) {
  const bus = new MemoryBus(options);
  const heard: Record<string, string[]> = {};
  const nodes: Record<string, MemoryTransport> = {};
  for (const name of names) {
    nodes[name] = bus.join(name);
    heard[name] = [];
    nodes[name].subscribe('peers.*', (subject, payload) => {
      heard[name].push(`${subject} ${text(payload)}`);
    });
  }
  return { bus, nodes, heard };
}

it('delivers to all that hear a subject, the sender included, in order and not at once', () => {
  const { bus, nodes, heard } = listeners('abc');
  nodes.a.publish('peers.a', bytes('1'));
  nodes.a.publish('peers.a', bytes('2'));
  nodes.a.publish('other.a', bytes('3'));
  nodes.a.publish('peers.a.b', bytes('4'));
  expect(heard.b).toEqual([]);
  bus.settle();
  for (const name of 'abc') expect(heard[name]).toEqual(['peers.a 1', 'peers.a 2']);
});

it('takes a star for one token of a subject, and calls each subscription', () => {
  const bus = new MemoryBus();
  const node = bus.join('a');
  const heard: string[] = [];
  for (const subject of ['rep.a.*', 'rep.*.b', '*', 'rep.a.b']) {
    node.subscribe(subject, (of) => heard.push(`${subject} ${of}`));
  }
  node.publish('rep.a.b', bytes(''));
  node.publish('rep.a.c', bytes(''));
  node.publish('rep', bytes(''));
  bus.settle();
  expect(heard).toEqual([
    'rep.a.* rep.a.b',
    'rep.*.b rep.a.b',
    'rep.a.b rep.a.b',
    'rep.a.* rep.a.c',
    '* rep',
  ]);
});

it('delays, doubles and loses each copy as it is told', () => {
  const delays = [[10], [], [5, 20]];
  const { bus, nodes, heard } = listeners('ab', { delivery: () => delays.shift() ?? [] });
  for (const said of ['1', '2', '3']) nodes.a.publish('peers.a', bytes(said));
  bus.advance(4);
  expect(heard.b).toEqual([]);
  bus.advance(5);
  expect(heard.b).toEqual(['peers.a 3']);
  bus.advance(100);
  expect(heard.b).toEqual(['peers.a 3', 'peers.a 1', 'peers.a 3']);
  expect(bus.counts).toEqual({ published: 3, delivered: 6, lost: 1, bytes: 3 });
  expect(bus.inFlight).toBe(0);
});

it('lets nothing pass between the parts of a partition', () => {
  const { bus, nodes, heard } = listeners('abcd');
  bus.partition([['a', 'b'], ['c']]);
  nodes.a.publish('peers.a', bytes('1'));
  nodes.d.publish('peers.d', bytes('2'));
  bus.settle();
  expect([heard.b, heard.c, heard.d]).toEqual([['peers.a 1'], [], ['peers.d 2']]);
  bus.heal();
  nodes.a.publish('peers.a', bytes('3'));
  bus.settle();
  expect([heard.c, heard.d]).toEqual([['peers.a 3'], ['peers.d 2', 'peers.a 3']]);
});

it('loses what a node says or hears without a connection, also what was under way', () => {
  const { bus, nodes, heard } = listeners('ab', { delivery: () => [10] });
  const changes: boolean[] = [];
  nodes.b.onConnection((connected) => changes.push(connected));
  nodes.a.publish('peers.a', bytes('under way'));
  bus.setConnected('b', false);
  bus.setConnected('b', false);
  nodes.b.publish('peers.b', bytes('unheard'));
  nodes.a.publish('peers.a', bytes('missed'));
  bus.advance(5);
  bus.setConnected('b', true);
  nodes.a.publish('peers.a', bytes('heard'));
  bus.advance(100);
  expect(heard.b).toEqual(['peers.a heard']);
  expect(heard.a.filter((line) => line.startsWith('peers.b'))).toEqual([]);
  expect(changes).toEqual([false, true]);
});

it('says how much is not confirmed yet', () => {
  const { bus, nodes } = listeners('ab', { confirmMs: 5 });
  nodes.a.publish('peers.a', bytes('12345'));
  bus.advance(4);
  expect(nodes.a.unconfirmedBytes).toBe(5);
  bus.advance(5);
  expect(nodes.a.unconfirmedBytes).toBe(0);
  nodes.a.publish('peers.a', bytes('12345'));
  bus.setConnected('a', false);
  bus.setConnected('a', true);
  expect(nodes.a.unconfirmedBytes).toBe(0);
  bus.advance(100);
  expect(nodes.a.unconfirmedBytes).toBe(0);
});

it('delivers damaged bytes where it is told to, and leaves those of the sender', () => {
  const damage = (subject: string, payload: Uint8Array) =>
    subject === 'peers.a' ? payload.map((byte) => byte + 1) : payload;
  const { bus, nodes, heard } = listeners('ab', { damage });
  const payload = bytes('1');
  nodes.a.publish('peers.a', payload);
  nodes.a.publish('peers.b', payload);
  bus.settle();
  expect(heard.b).toEqual(['peers.a 2', 'peers.b 1']);
  expect(text(payload)).toBe('1');
});

it('tells a node that joined again apart from the one that died', () => {
  const { bus, nodes, heard } = listeners('ab', { delivery: () => [10] });
  nodes.a.publish('peers.a', bytes('to the dead'));
  const again = bus.join('b');
  again.subscribe('peers.*', (_subject, payload) => heard.b.push(`again ${text(payload)}`));
  nodes.b.publish('peers.b', bytes('from the dead'));
  nodes.a.publish('peers.a', bytes('to the living'));
  bus.advance(100);
  expect(heard.b).toEqual(['again to the living']);
  expect(heard.a).toEqual(['peers.a to the dead', 'peers.a to the living']);
});

it('finds a message that was changed after it was published', () => {
  const { bus, nodes } = listeners('ab');
  const payload = bytes('1');
  nodes.a.publish('peers.a', payload);
  payload[0]++;
  expect(() => bus.settle()).toThrow('changed');
});
