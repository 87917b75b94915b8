import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventStream, EventStreamError, type ServerEvent } from './event-stream.js';

function read(pieces: readonly string[]): ServerEvent[] {
  const stream = new EventStream();
  return pieces.flatMap((piece) => stream.push(piece));
}

describe('an event stream', () => {
  it('gives an event once its blank line has come, and not before', () => {
    const stream = new EventStream();
    expect(stream.push('event: tick\ndata: {"a":1}\n')).toEqual([]);
    expect(stream.push('\n')).toEqual([{ event: 'tick', data: '{"a":1}' }]);
  });

  it('reads the same whatever pieces the text comes in and whatever ends its lines', () => {
    const word = fc.stringMatching(/^[a-z :{}"é😀]{0,12}$/u);
    const text = fc
      .record({
        events: fc.array(
          fc.record({ name: fc.constantFrom('', 'tick', 'x'), data: fc.array(word) }),
        ),
        ending: fc.constantFrom('\n', '\r\n', '\r'),
      })
      .map(({ events, ending }) => ({ ending, events }));
    fc.assert(
      fc.property(text, fc.array(fc.nat(200)), ({ events, ending }, cuts) => {
        const lines = events.flatMap(({ name, data }) => [
          ': a comment',
          ...(name === '' ? [] : [`event: ${name}`]),
          ...data.map((each) => `data: ${each}`),
          '',
        ]);
        const whole = lines.map((line) => line + ending).join('');
        const pieces: string[] = [];
        let from = 0;
        for (const cut of cuts) {
          pieces.push(whole.slice(from, from + cut));
          from += cut;
        }
        pieces.push(whole.slice(from));
        // A lone CR may have its LF yet to come, so the last line waits for one more character.
        pieces.push(':');
        const wanted = events
          .filter(({ data }) => data.length > 0)
          .map(({ name, data }) => ({ event: name || 'message', data: data.join('\n') }));
        expect(read(pieces)).toEqual(wanted);
      }),
    );
  });

  it('takes one space after the colon as a part of the form, and a mark at the start too', () => {
    expect(read(['\ufeffdata:a\ndata:  b\ndata\n\n'])).toEqual([
      { event: 'message', data: 'a\n b\n' },
    ]);
  });

  it('notes how long to wait before a new connection, when that is a number', () => {
    const stream = new EventStream();
    stream.push('retry: 2000\n\n');
    expect(stream.retryMs).toBe(2000);
    stream.push('retry: soon\n\nretry: 99999999999\n\n');
    expect(stream.retryMs).toBe(2000);
  });

  it('refuses an event without end instead of keeping it', () => {
    const piece = 'x'.repeat(1024 * 1024);
    const oneLine = () => read(['data: ', ...Array<string>(5).fill(piece)]);
    const manyLines = () => read(Array<string>(5).fill(`data: ${piece}\n`));
    expect(oneLine).toThrow(EventStreamError);
    expect(manyLines).toThrow(EventStreamError);
  });
});
