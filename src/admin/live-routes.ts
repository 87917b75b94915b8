/** `/api/v1/live`, `/api/v1/now` and `/api/v1/history`: the node as it is from second to second. */
import type { ServerResponse } from 'node:http';
import { AdminError } from './admin-error.js';
import type { AdminSource } from './admin-source.js';
import type { LiveFeed, LiveListener } from './live-feed.js';
import type { Operations } from './operation.js';
import { SECURITY_HEADERS } from './security-headers.js';
import * as examples from './view-examples.js';
import { historySchema, tickSchema } from './view-schemas.js';

/** After how long a browser comes back to a stream that ended. */
const RETRY_MS = 2_000;

export function addLive(
  operations: Operations,
  { feed, role }: { feed: LiveFeed; role: AdminSource['role'] },
): void {
  const isTracker = role === 'tracker';
  const tick = isTracker ? examples.trackerTick : examples.minderTick;
  operations.add(
    {
      method: 'GET',
      path: '/api/v1/live',
      id: 'live',
      summary: 'A tick each second, as server-sent events; the first at once',
      needs: 'reading',
      reply: { status: 200, mediaType: 'text/event-stream' },
      refusals: ['live_full'],
      example: { reply: `retry: ${RETRY_MS}\n\nevent: tick\ndata: {"atMs":1767225600000}\n\n` },
    },
    ({ reply }) => {
      const listener = new EventStream(reply.raw, () => reply.hijack());
      reply.raw.on('close', () => feed.leave(listener));
      if (!feed.join(listener)) throw new AdminError('live_full');
      return reply;
    },
  );
  operations.add(
    {
      method: 'GET',
      path: '/api/v1/now',
      id: 'now',
      summary: 'The last tick',
      needs: 'reading',
      reply: { status: 200, schema: tickSchema },
      example: { reply: tick },
    },
    () => feed.now(),
  );
  operations.add(
    {
      method: 'GET',
      path: '/api/v1/history',
      id: 'history',
      summary: 'The last hour, for charts',
      needs: 'reading',
      reply: { status: 200, schema: historySchema },
      example: { reply: isTracker ? examples.trackerHistory : examples.minderHistory },
    },
    () => feed.history(),
  );
}

/** A response that begins with the first event: one that gets none can still be a refusal. */
class EventStream implements LiveListener {
  readonly #response: ServerResponse;
  readonly #takeOver: () => void;

  constructor(response: ServerResponse, takeOver: () => void) {
    this.#response = response;
    this.#takeOver = takeOver;
  }

  get writableLength(): number {
    return this.#response.writableLength;
  }

  write(bytes: Uint8Array): void {
    if (!this.#response.headersSent) {
      this.#takeOver();
      this.#response.writeHead(200, {
        ...SECURITY_HEADERS,
        'content-type': 'text/event-stream; charset=utf-8',
        // A proxy in between is not to keep events back.
        'x-accel-buffering': 'no',
      });
      this.#response.write(`retry: ${RETRY_MS}\n\n`);
    }
    this.#response.write(bytes);
  }

  end(): void {
    this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }
}
