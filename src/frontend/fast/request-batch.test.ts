import { describe, expect, it } from 'vitest';
import { Endpoint } from '../../lib/endpoint.js';
import { testSys } from '../../sys/sys.testing.js';
import type { HttpBatchHandler } from '../handler.js';
import { Head, type HeadParser } from './head-parser.js';
import { RequestBatch } from './request-batch.js';

/** Heads for this test: `P`, letters of a target, a dot; `U` is unusual, all else incomplete. */
class LetterParser implements HeadParser {
  targetStart = 0;
  targetEnd = 0;
  end = 0;
  keepAlive = false;

  parse(bytes: Uint8Array, start: number, limit: number): number {
    const text = Buffer.from(bytes.slice(start, limit)).toString();
    if (text.startsWith('U')) return Head.unusual;
    const dot = text.indexOf('.');
    if (!text.startsWith('P') || dot < 0) return Head.incomplete;
    this.targetStart = start + 1;
    this.targetEnd = start + dot;
    this.end = start + dot + 1;
    this.keepAlive = text[1] === 'k';
    return Head.plain;
  }
}

function fixture() {
  const calls: string[] = [];
  const parser = new LetterParser();
  const handler: HttpBatchHandler = {
    beginBatch: () => {},
    handle: () => 0,
    prepare: (i, bytes, start, end, { port }) => {
      calls.push(`${i} ${Buffer.from(bytes.slice(start, end)).toString()} ${port}`);
    },
    warmUp: (count) => calls.push(`warm-up ${count}`),
    answer: () => 0,
  };
  const batch = new RequestBatch(64, { sys: testSys(), parser, handler });
  const sources = Array.from({ length: 8 }, (_, port) => {
    const source = new Endpoint();
    source.setAddressText('127.0.0.1');
    source.setPort(port);
    return source;
  });
  const add = (slot: number, text: string): boolean => {
    const base = batch.base(batch.count);
    batch.bytes.set(Buffer.from(text), base);
    return batch.add(slot, base + text.length);
  };
  return { batch, parser, calls, sources, add };
}

describe('a batch of requests', () => {
  it('has the plain ones prepared, numbered one after the other, each with its source', () => {
    const { batch, calls, sources, add } = fixture();
    add(3, 'Pone.');
    add(1, 'U');
    add(7, 'Ptw');
    add(2, 'Pktwo.Pthree.');
    batch.prepare(sources);
    expect(calls).toEqual(['0 one 3', '1 ktwo 2', 'warm-up 2']);
    expect([...batch.results.subarray(0, 4)]).toEqual([
      Head.plain,
      Head.unusual,
      Head.incomplete,
      Head.plain,
    ]);
    expect([...batch.prepared.subarray(0, 4)]).toEqual([0, -1, -1, 1]);
  });

  it('takes the parser back to the first request of any entry', () => {
    const { batch, parser, sources, add } = fixture();
    add(0, 'Pone.');
    add(1, 'Pktwo.Pthree.');
    batch.prepare(sources);
    batch.restore(0);
    expect([parser.end - batch.base(0), parser.keepAlive]).toEqual([5, false]);
    batch.restore(1);
    expect([parser.end - batch.base(1), parser.keepAlive]).toEqual([6, true]);
    expect(batch.parse(parser.end, batch.limits[1])).toBe(Head.plain);
    expect(parser.targetEnd - parser.targetStart).toBe(5);
  });

  it('takes a head over the bound for an unusual one', () => {
    const { batch, sources, add } = fixture();
    add(0, `P${'x'.repeat(70)}.`);
    batch.prepare(sources);
    expect(batch.results[0]).toBe(Head.unusual);
  });

  it('says when it is full, and keeps its entries apart', () => {
    const { batch, add } = fixture();
    let count = 1;
    while (!add(0, 'P.')) count++;
    expect(count).toBe(batch.slots.length);
    expect(batch.base(1)).toBeGreaterThanOrEqual(batch.base(0) + batch.partBytes);
  });
});
