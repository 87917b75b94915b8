/**
 * One request to a minder over HTTPS, bounded in time and bytes. The certificate of whoever answers
 * must lead to the cluster's CA and name a minder; the name of its host means nothing.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { request } from 'node:https';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import {
  ENROLMENT_REPLY_BYTES_MAX,
  enrolmentRefusalSchema,
} from '../protocol/cluster/enrolment.js';
import { EnrolmentError, refusedError } from './enrolment-error.js';
import { checkServerRole } from './server-role.js';

/** Where a minder listens when its URL names no port. */
const MINDER_PORT = 7443;
const CHAIN_LENGTH_MAX = 8;

export interface MinderUrl {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** `https://host:port` */
  readonly href: string;
}

/** Reads `https://HOST[:PORT]`. Throws `EnrolmentError`. */
export function parseMinderUrl(text: string): MinderUrl {
  const url = text.length <= 512 && URL.canParse(text) ? new URL(text) : undefined;
  const isBare =
    url !== undefined &&
    url.protocol === 'https:' &&
    url.username === '' &&
    url.password === '' &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '';
  if (!isBare || url.hostname === '') {
    throw new EnrolmentError(
      'join_url_invalid',
      `'${text.slice(0, 200)}' is no URL of a minder: write https://HOST or https://HOST:PORT`,
    );
  }
  // The URL drops the usual port of its scheme, which is not ours.
  const isUsual = /:443\/?$/.test(text);
  const port = url.port === '' ? (isUsual ? 443 : MINDER_PORT) : Number(url.port);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { host, port, href: `https://${url.hostname}:${port}` };
}

/**
 * The CA's certificate (PEM) as the minder shows it, if its SHA-256 is `fingerprint`. Nothing is
 * sent. Throws `EnrolmentError`.
 */
export async function fetchAuthority(
  minder: MinderUrl,
  fingerprint: Uint8Array,
  timeoutMs: number,
): Promise<string> {
  const chain = await new Promise<Buffer[]>((resolve, reject) => {
    const { host, port } = minder;
    // Nobody is trusted yet: the fingerprint decides.
    const socket = connect({
      host,
      port,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    const timer = setTimeout(() => {
      reject(unreachable(minder, `no answer within ${timeoutMs / 1000} s`));
      socket.destroy();
    }, timeoutMs);
    socket.once('secureConnect', () => {
      resolve(chainOf(socket.getPeerCertificate(true)));
      socket.destroy();
    });
    socket.on('error', (error) => reject(unreachable(minder, error.message)));
    socket.once('close', () => {
      clearTimeout(timer);
      reject(unreachable(minder, 'the connection was closed'));
    });
  });
  const found = chain.find((der) =>
    timingSafeEqual(createHash('sha256').update(der).digest(), fingerprint),
  );
  if (found === undefined) {
    throw new EnrolmentError(
      'minder_not_trusted',
      `what answers at ${minder.href} is not the minder that made the token: its certificate has ` +
        'another fingerprint; nothing was sent to it',
    );
  }
  const base64 = found.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
}

function chainOf(leaf: DetailedPeerCertificate): Buffer[] {
  const chain: Buffer[] = [];
  let certificate: DetailedPeerCertificate | undefined = leaf;
  while (certificate?.raw !== undefined && chain.length < CHAIN_LENGTH_MAX) {
    chain.push(certificate.raw);
    const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate;
    certificate = issuer === certificate ? undefined : issuer;
  }
  return chain;
}

export interface MinderRequest {
  readonly path: string;
  readonly body: unknown;
  /** The cluster CA's certificate, PEM. */
  readonly ca: string;
  /** What this node shows, PEM; a node without a certificate shows none. */
  readonly credentials?: { readonly certificate: string; readonly key: string };
  readonly timeoutMs: number;
  /** Longest reply. Default `ENROLMENT_REPLY_BYTES_MAX`. */
  readonly replyBytesMax?: number;
}

/** The parsed JSON of a reply with status 200. Throws `EnrolmentError` for everything else. */
export async function askMinder(minder: MinderUrl, options: MinderRequest): Promise<unknown> {
  const { status, text } = await exchange(minder, options);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidAnswer(minder);
  }
  if (status === 200) return value;
  const refusal = enrolmentRefusalSchema.safeParse(value);
  throw refusal.success ? refusedError(minder.href, refusal.data.error) : invalidAnswer(minder);
}

export function invalidAnswer(minder: MinderUrl): EnrolmentError {
  return new EnrolmentError(
    'minder_answer_invalid',
    `what answers at ${minder.href} does not speak as a minder of this version`,
  );
}

function exchange(
  minder: MinderUrl,
  {
    path,
    body,
    ca,
    credentials,
    timeoutMs,
    replyBytesMax = ENROLMENT_REPLY_BYTES_MAX,
  }: MinderRequest,
): Promise<{ status: number; text: string }> {
  const payload = Buffer.from(JSON.stringify(body));
  let isStranger = false;
  return new Promise((resolve, reject) => {
    const fail = (error: Error & { code?: string }) =>
      reject(
        isStranger || DISTRUST.test(error.code ?? '')
          ? untrusted(minder, error.message)
          : unreachable(minder, error.message),
      );
    const call = request({
      host: minder.host,
      port: minder.port,
      path,
      method: 'POST',
      agent: false,
      ca,
      minVersion: 'TLSv1.2',
      ...(credentials === undefined ? {} : { cert: credentials.certificate, key: credentials.key }),
      checkServerIdentity: (_host, certificate) => {
        const error = checkServerRole('minder', certificate);
        isStranger = error !== undefined;
        return error;
      },
      headers: { 'content-type': 'application/json', 'content-length': payload.length },
    });
    const timer = setTimeout(() => {
      call.destroy(new Error(`no answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    call.once('close', () => {
      clearTimeout(timer);
      reject(unreachable(minder, 'the connection was closed'));
    });
    call.on('error', fail);
    call.on('response', (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > replyBytesMax) call.destroy(new Error('the answer is too long'));
        else parts.push(part);
      });
      response.on('error', fail);
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() });
      });
    });
    call.end(payload);
  });
}

/** Node's codes for a chain that does not lead to the CA given, or a server that is no minder. */
const DISTRUST =
  /^(?:UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_|ERR_TLS_CERT|INVALID_CA|PATH_LENGTH|INVALID_PURPOSE)/;

function untrusted(minder: MinderUrl, reason: string): EnrolmentError {
  return new EnrolmentError(
    'minder_not_trusted',
    `what answers at ${minder.href} is no minder of this cluster (${reason})`,
  );
}

function unreachable(minder: MinderUrl, reason: string): EnrolmentError {
  return new EnrolmentError('minder_unreachable', `no minder answers at ${minder.href}: ${reason}`);
}
