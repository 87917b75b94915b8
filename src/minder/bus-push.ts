/** Tells running bus servers of a changed account, as NATS's own system account. */
import { randomBytes } from 'node:crypto';
import { type BusCredentials, type BusTls, NatsLink } from '../cluster/nats-link.js';
import type { LogSink } from '../lib/log-sink.js';
import { reasonOf } from '../lib/reason.js';

const UPDATE_SUBJECT = '$SYS.REQ.CLAIMS.UPDATE';
const CONNECT_TIMEOUT_MS = 2_000;
const ANSWER_LIMIT_MS = 5_000;
const ATTEMPTS = 3;

export interface BusPushOptions {
  /** `tls://host:port`. One is enough: servers tell each other. */
  readonly servers: readonly string[];
  readonly tls: BusTls;
}

/**
 * Sends the account's JWT. Resolves to true when a server has taken it, which is when those whom it
 * revokes are cut off; to false when none did. Never rejects.
 */
export async function pushAccount(
  accountJwt: string,
  { servers, tls }: BusPushOptions,
  { credentials, log }: { credentials: () => Promise<BusCredentials>; log: LogSink },
): Promise<boolean> {
  let reason = 'no server';
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    for (const server of servers) {
      try {
        await pushTo(server, accountJwt, tls, await credentials());
        return true;
      } catch (error) {
        reason = reasonOf(error);
      }
    }
  }
  log.log('warn', 'no bus server took a changed account: the next start does', { reason });
  return false;
}

async function pushTo(
  server: string,
  accountJwt: string,
  tls: BusTls,
  credentials: BusCredentials,
): Promise<void> {
  let down: () => void = () => {};
  const link = new NatsLink(
    {
      server,
      tls,
      credentials,
      name: 'system',
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      pingIntervalMs: CONNECT_TIMEOUT_MS,
      flushBytes: Number.POSITIVE_INFINITY,
      flushTicksMax: Number.POSITIVE_INFINITY,
    },
    { events: { down: () => down(), refused: () => {} } },
  );
  let limit: NodeJS.Timeout | undefined;
  try {
    await link.open();
    await new Promise<void>((resolve, reject) => {
      down = () => reject(new Error('the connection was lost'));
      limit = setTimeout(() => reject(new Error('no answer')), ANSWER_LIMIT_MS);
      const inbox = `_INBOX.${randomBytes(12).toString('hex')}`;
      link.subscribe(inbox, (_subject, payload) => {
        const refusal = refusalIn(payload);
        if (refusal === undefined) resolve();
        else reject(new Error(refusal));
      });
      link.publish(UPDATE_SUBJECT, new TextEncoder().encode(accountJwt), inbox);
    });
  } finally {
    clearTimeout(limit);
    link.discard();
  }
}

/** `{"server": {...}, "data": {"code": 200}}` or `{"server": {...}, "error": {"description": ...}}` */
function refusalIn(payload: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(payload);
  if (text === '') return 'nobody answers for accounts';
  try {
    const { data, error } = JSON.parse(text) as {
      data?: { code?: number };
      error?: { description?: string };
    };
    if (error === undefined && data?.code === 200) return undefined;
    return error?.description ?? 'refused';
  } catch {
    return 'an answer that is no JSON';
  }
}
