import { describe, expect, it } from 'vitest';
import { readAffinity, setAffinity } from './affinity.js';
import { adviseHugePages } from './huge-pages.js';
import { raiseOpenFilesLimit, readOpenFilesLimit, setOpenFilesLimit } from './open-files.js';
import { PinnedMemory, roundUp } from './pinned-memory.js';
import { testSys } from './sys.testing.js';

const sys = testSys();

describe('pinned memory', () => {
  it('begins at a cache line and holds what the kernel writes', () => {
    for (const bytes of [1, 63, 64, 4_097]) {
      const memory = new PinnedMemory(sys, bytes);
      expect(memory.address % 64).toBe(0);
      expect(memory.bytes.length).toBe(bytes);
      expect(sys.addressOf(memory.bytes)).toBe(memory.address);
    }
  });

  it('keeps 64-bit numbers as two words', () => {
    const memory = new PinnedMemory(sys, 16);
    memory.writeAddress(8, 0x7fff_dead_beef);
    expect([...memory.bytes.subarray(8)]).toEqual([0xef, 0xbe, 0xad, 0xde, 0xff, 0x7f, 0, 0]);
    expect(memory.readUnsigned64(8)).toBe(0x7fff_dead_beef);
    expect(roundUp(65, 64)).toBe(128);
  });
});

describe('the limit of open files', () => {
  it('is read, lowered and raised again', () => {
    const before = readOpenFilesLimit(sys);
    expect(before.soft).toBeGreaterThan(0);
    expect(before.hard).toBeGreaterThanOrEqual(before.soft);
    setOpenFilesLimit(sys, before.soft - 1);
    expect(readOpenFilesLimit(sys)).toEqual({ soft: before.soft - 1, hard: before.hard });
    expect(raiseOpenFilesLimit(sys)).toBe(before.hard);
    setOpenFilesLimit(sys, before.soft);
  });
});

describe('affinity', () => {
  it('keeps this thread on one processor, and lets it go', () => {
    const before = readAffinity(sys);
    expect(before.length).toBeGreaterThan(0);
    setAffinity(sys, [before[0]]);
    expect(readAffinity(sys)).toEqual([before[0]]);
    setAffinity(sys, before);
    expect(readAffinity(sys)).toEqual(before);
  });

  it('refuses processors that do not exist', () => {
    expect(() => setAffinity(sys, [1_023])).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});

describe('huge pages', () => {
  it('are a wish', () => {
    expect([0, -22]).toContain(adviseHugePages(sys, new SharedArrayBuffer(8 << 20)));
    expect(adviseHugePages(sys, new SharedArrayBuffer(100))).toBe(0);
  });
});
