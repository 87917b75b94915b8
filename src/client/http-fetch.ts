/**
 * A GET over HTTP or HTTPS, bounded in time, size and redirects. Returns the status and the body;
 * what they mean is the caller's to say.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { gunzipSync } from 'node:zlib';
import { clientErrorOf, TrackerClientError } from './client-error.js';
import { hostOf } from './host.js';

/** Largest body that is read, in bytes, packed or not. */
export const BODY_BYTES_MAX = 1024 * 1024;
/** Most redirects that are followed. */
export const REDIRECTS_MAX = 3;

export interface HttpAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

export interface FetchOptions {
  readonly timeoutMs: number;
  readonly family?: 4 | 6 | undefined;
}

/** Throws a `TrackerClientError`. */
export async function httpGet(start: URL, options: FetchOptions): Promise<HttpAnswer> {
  const signal = AbortSignal.timeout(options.timeoutMs);
  let url = start;
  try {
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      const response = await send(url, signal, options.family);
      const location = redirectOf(response);
      if (location === undefined) {
        return { status: response.statusCode ?? 0, body: await readBody(response) };
      }
      response.destroy();
      url = redirected(url, location);
    }
  } catch (error) {
    if (signal.aborted) throw new TrackerClientError('timedOut', 'no answer in time');
    throw clientErrorOf(error);
  }
  throw new TrackerClientError('answerInvalid', `more than ${REDIRECTS_MAX} redirects`);
}

function send(url: URL, signal: AbortSignal, family: 4 | 6 | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    hostOf(url, family);
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const options = {
      agent: false,
      signal,
      headers: { 'user-agent': 'trackerbt', 'accept-encoding': 'gzip', connection: 'close' },
      ...(family === undefined ? {} : { family }),
    };
    // An error of the response's stream shows while its body is read.
    request(url, options, resolve)
      .on('error', reject)
      // Of an answer that changes the protocol (101) node says neither response nor error.
      .on('close', () => reject(new TrackerClientError('answerInvalid', 'no answer over HTTP')))
      .end();
  });
}

function redirectOf(response: IncomingMessage): string | undefined {
  return [301, 302, 303, 307, 308].includes(response.statusCode ?? 0)
    ? response.headers.location
    : undefined;
}

function redirected(from: URL, location: string): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new TrackerClientError('answerInvalid', 'the redirect leads to no http: or https: URL');
  }
  return url;
}

async function readBody(response: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw tooLong();
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  // The name in any case, and its old one (RFC 9110, 8.4.1.3).
  if (!/^(?:x-)?gzip$/i.test(response.headers['content-encoding'] ?? '')) return body;
  try {
    return gunzipSync(body, { maxOutputLength: BODY_BYTES_MAX });
  } catch (error) {
    if (error instanceof RangeError) throw tooLong();
    throw new TrackerClientError('answerInvalid', 'the gzip body is broken');
  }
}

function tooLong(): TrackerClientError {
  return new TrackerClientError('answerInvalid', `more than ${BODY_BYTES_MAX} bytes of body`);
}
