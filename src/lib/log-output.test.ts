import { describe, expect, it } from 'vitest';
import { BackgroundOutput, type OutputSystem } from './log-output.js';

/** A descriptor whose reader takes bytes when told to. */
class SlowReader implements OutputSystem {
  text = '';
  pending: { bytes: Uint8Array; done: (error: Error | null, written: number) => void } | undefined;
  failure: Error | undefined;

  write(_fd: number, bytes: Uint8Array, done: (error: Error | null, written: number) => void) {
    expect(this.pending).toBeUndefined();
    this.pending = { bytes, done };
  }

  writeSync(_fd: number, bytes: Uint8Array): number {
    if (this.failure !== undefined) throw this.failure;
    const part = bytes.subarray(0, 5);
    this.text += Buffer.from(part).toString();
    return part.length;
  }

  take(length = Number.POSITIVE_INFINITY): void {
    const { bytes, done } = this.pending!;
    this.pending = undefined;
    const part = bytes.subarray(0, length);
    this.text += Buffer.from(part).toString();
    done(null, part.length);
  }

  fail(code: string): void {
    const { done } = this.pending!;
    this.pending = undefined;
    done(Object.assign(new Error(code), { code }), 0);
  }
}

function slowOutput(bytesMax = 1_000) {
  const reader = new SlowReader();
  return { reader, output: new BackgroundOutput({ fd: 1, bytesMax }, { system: reader }) };
}

describe('BackgroundOutput', () => {
  it('writes lines in order, one write at a time, whole or in parts', () => {
    const { reader, output } = slowOutput();
    output.write('one\n');
    output.write('two\n');
    output.write('thrëe\n');
    reader.take(2);
    reader.take();
    reader.take();
    expect(reader.text).toBe('one\ntwo\nthrëe\n');
    expect(reader.pending).toBeUndefined();
    output.write('four\n');
    reader.take();
    expect(reader.text).toBe('one\ntwo\nthrëe\nfour\n');
  });

  it('drops lines while the reader stalls with the backlog full, and tells how many', () => {
    const { reader, output } = slowOutput(10);
    output.write('first\n');
    output.write('second\n');
    for (let i = 0; i < 7; i++) output.write('more\n');
    reader.take();
    reader.take();
    const lines = reader.text.trim().split('\n');
    expect(lines.slice(0, 2)).toEqual(['first', 'second']);
    expect(JSON.parse(lines[2])).toMatchObject({ level: 'warn', dropped: 7 });
    expect(lines).toHaveLength(3);
  });

  it('writes nothing more once the reader is gone', () => {
    const { reader, output } = slowOutput();
    output.write('one\n');
    output.write('two\n');
    reader.fail('EPIPE');
    output.write('three\n');
    output.flushSync();
    expect(reader.pending).toBeUndefined();
    expect(reader.text).toBe('');
  });

  it('flushes what waits at exit', () => {
    const { reader, output } = slowOutput();
    output.write('under way\n');
    output.write('waiting one\n');
    output.write('waiting two\n');
    output.flushSync();
    expect(reader.text).toBe('waiting one\nwaiting two\n');
  });

  it('gives up at exit when the reader has gone unnoticed', () => {
    const { reader, output } = slowOutput();
    output.write('one\n');
    output.write('two\n');
    reader.failure = Object.assign(new Error('EPIPE'), { code: 'EPIPE' });
    output.flushSync();
    expect(reader.text).toBe('');
  });
});
