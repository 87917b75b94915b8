/**
 * Probes over HTTP and HTTPS: announce and scrape of the challenge on one connection, to one IP
 * address, with the host as the tracker advertises it. Nothing is believed of a certificate: the
 * challenge proves who it is. Redirects are not followed: they lead away from what was proven.
 */
import {
  Agent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as httpsRequest, Agent as SecureAgent } from 'node:https';
import { isIP } from 'node:net';
import { clientErrorOf, TrackerClientError } from '../client/client-error.js';
import { announceAnswerOf, scrapeAnswerOf } from '../client/http-answer.js';
import type { HttpAnswer } from '../client/http-fetch.js';
import { scrapePathOf } from '../protocol/http/route.js';
import {
  PROBE_PEER_ID,
  type ProbeOutcome,
  type ProbeRequest,
  type Probing,
  probeErrorOf,
  proofOf,
} from './probe.js';

/** Connections at a time; further probes wait, and their time starts when they begin. */
export const CONNECTIONS_MAX = 64;
/** Answers to an announce without peers and a scrape of one swarm are far below. */
const BODY_BYTES_MAX = 64 * 1024;

export class HttpProbes implements Probing {
  readonly counters = { requestsSent: 0 };
  readonly #waiting: (() => void)[] = [];
  /** Ends of the probes under way. */
  readonly #running = new Set<() => void>();
  #isClosed = false;
  #open = 0;

  async probe(request: ProbeRequest): Promise<ProbeOutcome> {
    if (this.#open >= CONNECTIONS_MAX) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#open++;
    }
    try {
      if (this.#isClosed) return { error: 'closed', rttMs: undefined };
      return await this.#probe(request);
    } finally {
      // A place that is free goes to who waits longest.
      const next = this.#waiting.shift();
      if (next === undefined) this.#open--;
      else next();
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const end of this.#running) end();
    for (const next of this.#waiting.splice(0)) next();
  }

  async #probe({ endpoint, challenge, timeoutMs, isAttempt }: ProbeRequest): Promise<ProbeOutcome> {
    const isSecure = endpoint.protocol === 'https';
    const settings = { keepAlive: true, maxSockets: 1, maxTotalSockets: 1 };
    const agent = isSecure
      ? new SecureAgent({ ...settings, rejectUnauthorized: false })
      : new Agent(settings);
    // Not AbortSignal.any and .timeout: of Node 20 they may be collected as garbage and never fire.
    const ending = new AbortController();
    const end = () => ending.abort();
    const timer = setTimeout(end, timeoutMs);
    this.#running.add(end);
    const { signal } = ending;
    const { host, port, ip, path } = endpoint;
    const common: RequestOptions = {
      agent,
      signal,
      host: ip,
      port,
      headers: { host: `${host.includes(':') ? `[${host}]` : host}:${port}` },
      ...(isSecure && isIP(host) === 0 ? { servername: host } : {}),
    };
    const get = (target: string) => {
      this.counters.requestsSent++;
      return httpGet(isSecure, { ...common, path: target });
    };
    const hash = percentEncoded(challenge.hash);
    const startMs = performance.now();
    let rttMs: number | undefined;
    try {
      if (!isAttempt) {
        const answer = await get(`${path}?info_hash=${hash}&${ANNOUNCE}`);
        rttMs = performance.now() - startMs;
        checkAnnounce(answer);
      }
      const scrape = await get(`${scrapePathOf(path)}?info_hash=${hash}`);
      rttMs ??= performance.now() - startMs;
      const [entry] = scrapeAnswerOf(scrape, [challenge.hash]).entries;
      return { error: proofOf(entry, challenge), rttMs };
    } catch (thrown) {
      if (signal.aborted) return { error: 'timeout', rttMs };
      const error = clientErrorOf(thrown);
      if (error.code === 'trackerFailure') return { error: 'not_proven', rttMs };
      return { error: probeErrorOf(error), rttMs };
    } finally {
      clearTimeout(timer);
      this.#running.delete(end);
      agent.destroy();
    }
  }
}

const ANNOUNCE = [
  `peer_id=${percentEncoded(PROBE_PEER_ID)}`,
  'port=1&uploaded=0&downloaded=0&left=0&compact=1&numwant=0&event=stopped',
].join('&');

/** Throws for what is no answer of a tracker; one that refuses this info hash is there all the same. */
function checkAnnounce(answer: HttpAnswer): void {
  try {
    announceAnswerOf(answer);
  } catch (error) {
    if (error instanceof TrackerClientError && error.code === 'trackerFailure') return;
    throw error;
  }
}

async function httpGet(isSecure: boolean, options: RequestOptions): Promise<HttpAnswer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = isSecure ? httpsRequest : httpRequest;
    request(options, resolve)
      .on('error', reject)
      // Of an answer that changes the protocol (101) node says neither response nor error.
      .on('close', () => reject(new TrackerClientError('answerInvalid', 'no answer over HTTP')))
      .end();
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) {
      throw new TrackerClientError('answerInvalid', `more than ${BODY_BYTES_MAX} bytes of body`);
    }
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks) };
}

function percentEncoded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').replace(/../g, '%$&');
}
