/** What an intruder has: the files of a tracker, a connection of its own to the bus, and patience. */
import { request } from 'node:https';
import { type Identity, identityPath, loadIdentity } from '../../src/cluster/identity.js';
import { NatsLink } from '../../src/cluster/nats-link.js';
import { Endpoint } from '../../src/lib/endpoint.js';
import { ringKeys } from '../../src/node/membership.js';
import type { ClusterKeyRing } from '../../src/protocol/cluster/control.js';
import { ConnectionIds } from '../../src/tracker/connection-id.js';
import { KEY_RING_BYTES, KeyRingReader, KeyRingWriter } from '../../src/tracker/key-ring.js';
import { until } from './deadline.js';
import type { NodeProcess } from './node-process.js';

/** Only against hanging. */
export const WAIT_MS = 60_000;

export function readIdentity(tracker: NodeProcess): Identity {
  const identity = loadIdentity(identityPath(tracker.data));
  if (identity === undefined) throw new Error(`no identity in ${tracker.data}`);
  return identity;
}

/** A second connection to the bus with a node's certificate and credentials. */
export class BusVoice {
  /** What the server did not let it do: `publish peers.x`. */
  readonly refused: string[] = [];
  /** Why it was cut off. */
  down: string | undefined;
  readonly #link: NatsLink;

  private constructor({ nodeId, ca, certificate, key, bus }: Identity) {
    this.#link = new NatsLink(
      {
        server: bus.urls[0],
        name: nodeId,
        tls: { ca, cert: certificate, key, minder: true },
        credentials: bus,
        connectTimeoutMs: WAIT_MS,
        pingIntervalMs: WAIT_MS,
        flushBytes: 1,
        flushTicksMax: 1e9,
      },
      {
        events: {
          down: (loss) => {
            this.down = loss;
          },
          refused: (what, subject) => this.refused.push(`${what} ${subject}`),
        },
      },
    );
  }

  static async open(identity: Identity): Promise<BusVoice> {
    const voice = new BusVoice(identity);
    await voice.#link.open();
    return voice;
  }

  say(subject: string, payload: Uint8Array | string): void {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    if (!this.#link.publish(subject, bytes)) throw new Error(`cannot publish to ${subject}`);
  }

  hear(subject: string, listener: (subject: string, payload: Buffer) => void): void {
    this.#link.subscribe(subject, (heard, payload) => listener(heard, Buffer.from(payload)));
  }

  /** Resolves when the server has dealt with everything that was said. */
  async confirm(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#link.confirm(resolve);
    });
  }

  end(): void {
    this.#link.discard();
  }
}

/** Connection ids for `address` with each key of a ring, as the tracker that holds them makes them. */
export function forgeConnectionIds(ring: ClusterKeyRing, address: string): Buffer[] {
  const { generation, previous, current, next } = ring;
  return [previous, current, next].map((key, i) => {
    const memory = new SharedArrayBuffer(KEY_RING_BYTES);
    const shifted = { generation: generation + i + 15, previous: key, current: key, next: key };
    new KeyRingWriter(memory).install(ringKeys(shifted));
    const ids = new ConnectionIds(new KeyRingReader(memory));
    ids.setTime(Date.now());
    const endpoint = new Endpoint();
    endpoint.setAddressText(address);
    ids.issue(endpoint);
    const id = Buffer.alloc(8);
    id.writeInt32BE(ids.hi, 0);
    id.writeInt32BE(ids.lo, 4);
    return id;
  });
}

/** POSTs JSON to a minder without any certificate, believing whoever answers. */
export async function postWithoutCertificate(
  enrol: string,
  path: string,
  body: string,
): Promise<{ status: number; text: string }> {
  return await new Promise((resolve, reject) => {
    const call = request(`https://${enrol}${path}`, {
      method: 'POST',
      rejectUnauthorized: false,
      agent: false,
      headers: { 'content-type': 'application/json' },
    });
    call.on('error', reject);
    call.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.end(body);
  });
}

/** How many requests a minder refused, by reason. */
export async function refusalsOf(minder: NodeProcess): Promise<Record<string, number>> {
  const stats = (await minder.adminJson('/stats.json')) as {
    enrolments: { refused: Record<string, number> };
  };
  return stats.enrolments.refused;
}

export interface ClusterNode {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly reason: string | null;
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly gaps: number;
  readonly lagMs: number | null;
  readonly clockOffsetMs: number | null;
}

export interface ClusterAnswer {
  readonly self: string;
  readonly busConnected: boolean | null;
  readonly nodes: readonly ClusterNode[];
  readonly counters: Readonly<Record<string, number>>;
}

export async function clusterOf(node: NodeProcess): Promise<ClusterAnswer> {
  return (await node.adminJson('/api/v1/cluster')) as ClusterAnswer;
}

/** One number of the counters that a node shows; fails when there is none of that name. */
export async function counterOf(node: NodeProcess, name: string): Promise<number> {
  const { counters } = await clusterOf(node);
  const count = counters[name];
  if (count === undefined) {
    throw new Error(`no counter ${name}; there are ${Object.keys(counters).join(', ')}`);
  }
  return count;
}

export interface DigestAnswer {
  readonly peers: number;
  readonly swarms: number;
  readonly digest: string | null;
}

export async function digestOf(tracker: NodeProcess): Promise<DigestAnswer> {
  return (await tracker.adminJson('/api/v1/digest')) as DigestAnswer;
}

/** Waits until all trackers hold the same, and as many peers as wanted; returns what they hold. */
export async function agreed(
  trackers: readonly NodeProcess[],
  peers?: number,
): Promise<DigestAnswer> {
  let last: DigestAnswer[] = [];
  try {
    return await until(
      async () => {
        last = await Promise.all(trackers.map(digestOf));
        const [first] = last;
        if (first.digest === null || (peers !== undefined && first.peers !== peers)) return;
        return last.every(({ digest }) => digest === first.digest) ? first : undefined;
      },
      WAIT_MS,
      `equal digests${peers === undefined ? '' : ` over ${peers} peers`}`,
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}: ${JSON.stringify(last)}`);
  }
}

/** The peers of a swarm as a tracker's admin interface lists them; none where it knows no swarm. */
export async function peersOf(
  tracker: NodeProcess,
  infoHash: Buffer,
): Promise<{ readonly port: number; readonly origin: string }[]> {
  const { host, port } = tracker.admin;
  const path = `/api/v1/swarms/${infoHash.toString('hex')}?peers=1`;
  const reply = await fetch(`http://${host}:${port}${path}`);
  if (reply.status === 404) return [];
  const { peers } = (await reply.json()) as { peers: { port: number; origin: string }[] };
  return peers;
}
