import { encode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWithin, nameToWire, parentKey, skipName, wireKey } from './dns-name.js';
import { DnsQuery, NO_ANSWER } from './query.js';

const label = fc.stringMatching(/^[A-Za-z0-9_-]{1,63}$/);
const name = fc
  .array(label, { minLength: 1, maxLength: 8 })
  .map((labels) => labels.join('.'))
  .filter((text) => text.length <= 253);

describe('a query', () => {
  it('is read as the wire-format library writes it', () => {
    const query = new DnsQuery();
    fc.assert(
      fc.property(name, fc.constantFrom('A', 'AAAA', 'TXT', 'NS', 'SOA'), (text, type) => {
        const bytes = encode({ type: 'query', questions: [{ type: type as 'A', name: text }] });
        expect(query.read(bytes, bytes.length)).toBe(0);
        expect(query.key).toBe(wireKey(nameToWire(text) as Uint8Array));
        expect(query.questionEnd).toBe(bytes.length);
        expect(query.nameBytes).toBe(text.length + 2);
      }),
    );
  });

  it('never throws, nor points beyond the bytes that there are', () => {
    const query = new DnsQuery();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        // A header that lets the rest be looked at.
        if (bytes.length >= 12) bytes.set([0, 0, 0, 1, 0, 0], 2);
        const rcode = query.read(bytes, bytes.length);
        expect(query.questionEnd).toBeLessThanOrEqual(Math.max(12, bytes.length));
        if (bytes.length < 12) expect(rcode).toBe(NO_ANSWER);
      }),
    );
  });

  it('takes a name of 255 bytes and none of 256', () => {
    const query = new DnsQuery();
    const read = (labels: number[]) => {
      const wire = Buffer.concat([
        ...labels.map((length) => Buffer.from([length, ...Buffer.alloc(length, 0x61)])),
        Buffer.alloc(1),
      ]);
      const bytes = Buffer.concat([
        Buffer.from('123400000001000000000000', 'hex'),
        wire,
        Buffer.from('00010001', 'hex'),
      ]);
      return query.read(bytes, bytes.length);
    };
    expect(read([63, 63, 63, 61])).toBe(0);
    expect(read([63, 63, 63, 62])).toBe(1);
    expect(read([64])).toBe(1);
    expect(read([])).toBe(0);
    expect(query.key).toBe('\0');
  });

  it('keeps bytes that are no text apart', () => {
    const query = new DnsQuery();
    const keyOf = (label: number[]) => {
      const head = Buffer.from('123400000001000000000000', 'hex');
      const bytes = Buffer.from([...head, label.length, ...label, 0, 0, 1, 0, 1]);
      expect(query.read(bytes, bytes.length)).toBe(0);
      return query.key;
    };
    expect(keyOf([0xff])).not.toBe(keyOf([0xfe]));
    // A dot inside a label is no border between two.
    expect(keyOf([0x61, 0x2e, 0x62])).not.toBe(wireKey(nameToWire('a.b') as Uint8Array));
    // Only letters of ASCII have two cases: 0xc4 and 0xe4 would be a pair in latin1.
    expect(keyOf([0xc4])).not.toBe(keyOf([0xe4]));
  });
});

describe('a name', () => {
  const key = (text: string) => wireKey(nameToWire(text) as Uint8Array);

  it('is no name with empty or long labels, blanks, or more than 255 bytes', () => {
    for (const text of ['a..b', '.a', 'a b', 'ä', 'a'.repeat(64), 'a.'.repeat(128)]) {
      expect(nameToWire(text)).toBeUndefined();
    }
    expect(nameToWire('')).toEqual(Uint8Array.of(0));
    expect(nameToWire('A.b.')).toEqual(Uint8Array.of(1, 0x61, 1, 0x62, 0));
  });

  it('is within itself and what it ends in, label by label', () => {
    expect(isWithin(key('a.b.c'), key('b.c'))).toBe(true);
    expect(isWithin(key('b.c'), key('b.c'))).toBe(true);
    expect(isWithin(key('ab.c'), key('b.c'))).toBe(false);
    expect(isWithin(key('c'), key('b.c'))).toBe(false);
    expect(parentKey(key('a.b.c'))).toBe(key('b.c'));
  });

  it('is skipped up to its root or first pointer, and never beyond the end', () => {
    const bytes = Uint8Array.of(1, 0x61, 0, 1, 0x62, 0xc0, 0, 5, 0x61, 0x80);
    expect(skipName(bytes, 0, 10)).toBe(3);
    expect(skipName(bytes, 3, 10)).toBe(7);
    expect(skipName(bytes, 5, 6)).toBe(-1);
    expect(skipName(bytes, 7, 10)).toBe(-1);
    expect(skipName(bytes, 9, 10)).toBe(-1);
    expect(skipName(bytes, 10, 10)).toBe(-1);
  });
});
