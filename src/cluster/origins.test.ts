import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_NODE } from '../protocol/cluster/node-id.js';
import { ORIGINS_MAX, Origins, OTHER_SLOT } from './origins.js';
import { openOrigins } from './origins-file.js';

const id = (number: number) => `n${number.toString(16).padStart(16, '0')}`;
const SELF = id(0x50);

describe('Origins', () => {
  it('gives each node a slot of its own, once, and this node slot 0', () => {
    const kept: (readonly string[])[] = [];
    const origins = new Origins({ self: SELF }, { keep: (ids) => kept.push([...ids]) });
    expect([id(1), id(2), id(1), SELF].map((one) => origins.slotOf(one))).toEqual([1, 2, 1, 0]);
    expect([0, 1, 2, 3, OTHER_SLOT].map((slot) => origins.idOf(slot))).toEqual([
      SELF,
      id(1),
      id(2),
      NO_NODE,
      NO_NODE,
    ]);
    expect(kept).toEqual([[id(1)], [id(1), id(2)]]);
    expect([origins.find(id(2)), origins.find(id(3)), origins.size]).toEqual([2, -1, 2]);
  });

  it('has one slot for all that come when it is full, and for what is no id', () => {
    const known = Array.from({ length: ORIGINS_MAX }, (_, i) => id(1_000 + i));
    const origins = new Origins({ self: SELF, known }, { keep: () => expect.fail('nothing new') });
    expect([origins.slotOf(id(1)), origins.slotOf(id(2))]).toEqual([OTHER_SLOT, OTHER_SLOT]);
    expect(origins.refused).toBe(2);
    expect(origins.slotOf(id(1_000 + ORIGINS_MAX - 1))).toBe(ORIGINS_MAX);
    const fresh = new Origins({ self: SELF }, { keep: () => expect.fail('nothing new') });
    expect([fresh.slotOf(NO_NODE), fresh.slotOf('n1'), fresh.slotOf('__proto__')]).toEqual(
      Array(3).fill(OTHER_SLOT),
    );
  });

  it('gives no slot that could not be kept, and goes on when it can again', () => {
    let isFull = true;
    const keep = () => {
      if (isFull) throw new Error('no space');
    };
    const origins = new Origins({ self: SELF }, { keep });
    expect([origins.slotOf(id(1)), origins.find(id(1)), origins.size]).toEqual([OTHER_SLOT, -1, 0]);
    isFull = false;
    expect([origins.slotOf(id(2)), origins.slotOf(id(1)), origins.refused]).toEqual([1, 2, 1]);
  });

  it('orders slots by the ids of their nodes, the same on every node', () => {
    const nodes = [id(3), SELF, id(0x70), id(1)];
    const tables = nodes.map((self, i) => {
      const known = nodes.filter((one) => one !== self);
      return new Origins({ self, known: i % 2 === 0 ? known : known.reverse() }, { keep() {} });
    });
    for (const a of nodes) {
      for (const b of nodes) {
        const orders = tables.map((table) => table.compare(table.slotOf(a), table.slotOf(b)));
        expect(new Set(orders)).toEqual(new Set([a < b ? -1 : a > b ? 1 : 0]));
      }
    }
    expect(tables[0].compare(OTHER_SLOT, 1)).toBe(-1);
  });

  it('is itself also when it stands in a table of before', () => {
    const origins = new Origins({ self: id(2), known: [id(1), id(2)] }, { keep() {} });
    expect([origins.slotOf(id(2)), origins.compare(0, 2)]).toEqual([0, 0]);
  });
});

describe('its file', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'trackerbt-origins-'));
    path = join(folder, 'origins.json');
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const open = () => openOrigins(path, { self: SELF, wallMs: 1_700_000_000_000 });

  it('keeps every node as soon as it has a slot', () => {
    const { origins } = open();
    origins.slotOf(id(7));
    expect(open().origins.slotOf(id(7))).toBe(1);
    origins.slotOf(id(4));
    const again = open();
    expect([again.origins.slotOf(id(4)), again.origins.slotOf(id(5)), again.aside]).toEqual([
      2,
      3,
      undefined,
    ]);
  });

  it.each([
    '',
    '{',
    'null',
    '{"version":2,"nodes":[]}',
    '{"version":1,"nodes":["n1"]}',
    `{"version":1,"nodes":["${id(1)}","${id(1)}"]}`,
  ])('sets aside what it cannot believe: %s', (text) => {
    writeFileSync(path, text, { mode: 0o600 });
    const { origins, aside } = open();
    expect(origins.size).toBe(0);
    expect(readFileSync(aside ?? '', 'utf8')).toBe(text);
    origins.slotOf(id(1));
    expect(readdirSync(folder)).toHaveLength(2);
  });
});
