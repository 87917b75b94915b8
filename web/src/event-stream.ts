/**
 * Reads server-sent events (WHATWG HTML, "Interpreting an event stream") from text that comes in
 * pieces of any size. `EventSource` would do it too, but it cannot send a token in a header.
 */

export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/** Far above a tick of 1,000 links; a stream beyond it is not ours. */
const EVENT_CHARS_MAX = 4 * 1024 * 1024;

export class EventStreamError extends Error {
  override name = 'EventStreamError';
}

export class EventStream {
  /** What the other side asked to be the wait before a new connection, in milliseconds. */
  retryMs: number | undefined;
  #rest = '';
  #event = '';
  #data: string[] = [];
  #chars = 0;
  #isStart = true;

  /** The events that `text` completes. Throws `EventStreamError` for one that is too long. */
  push(text: string): ServerEvent[] {
    let all = this.#rest + text;
    if (this.#isStart && all !== '') {
      this.#isStart = false;
      if (all.startsWith('\ufeff')) all = all.slice(1);
    }
    const events: ServerEvent[] = [];
    let from = 0;
    // What was left has been searched, but for a CR at its end.
    let searched = Math.max(0, this.#rest.length - 2);
    for (;;) {
      const end = lineEnd(all, Math.max(from, searched));
      if (end === undefined) break;
      searched = 0;
      const event = this.#line(all.slice(from, end.at));
      if (event !== undefined) events.push(event);
      from = end.next;
    }
    this.#rest = all.slice(from);
    if (this.#rest.length + this.#chars > EVENT_CHARS_MAX) {
      throw new EventStreamError('an event is too long');
    }
    return events;
  }

  #line(line: string): ServerEvent | undefined {
    if (line === '') return this.#complete();
    const colon = line.indexOf(':');
    // A comment keeps the connection busy and says nothing.
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
    if (field === 'event') this.#event = value;
    else if (field === 'data') {
      this.#data.push(value);
      this.#chars += value.length;
    } else if (field === 'retry' && /^\d{1,7}$/.test(value)) this.retryMs = Number(value);
    return undefined;
  }

  #complete(): ServerEvent | undefined {
    const event = { event: this.#event || 'message', data: this.#data.join('\n') };
    const isEmpty = this.#data.length === 0;
    this.#event = '';
    this.#data = [];
    this.#chars = 0;
    return isEmpty ? undefined : event;
  }
}

/** Where the line ends and the next begins; undefined while that is open: a CR may have its LF yet to come. */
function lineEnd(text: string, from: number): { at: number; next: number } | undefined {
  for (let at = from; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c === 10) return { at, next: at + 1 };
    if (c !== 13) continue;
    if (at + 1 === text.length) return undefined;
    return { at, next: text.charCodeAt(at + 1) === 10 ? at + 2 : at + 1 };
  }
  return undefined;
}
