/**
 * The trackers that clients are sent to, made from the verdicts: what DNS answers.
 *
 * ```
 * some tracker is healthy   the endpoints of healthy trackers that count
 * none is                   the last set, without nodes that were revoked, drained or forgotten; of
 *                           these the ones that heartbeats or probes speak for, if there are any
 * ```
 *
 * After a start, and after a time in which none was healthy, the last set stays beside what is healthy
 * for some seconds: heartbeats and proofs come one after the other, and the first tracker to be heard
 * must not get all clients. The set is kept in `minder/tracker-set.json`, so that a restart with
 * everything down still has it.
 */
import { z } from 'zod';
import type { TrackerSet } from '../dns/tracker-set.js';
import type { Clock } from '../lib/clock.js';
import type { LogSink } from '../lib/log-sink.js';
import { readPrivateFile, writePrivateFile } from '../lib/private-file.js';
import { reasonOf } from '../lib/reason.js';
import { isStopped } from '../protocol/cluster/heartbeat.js';
import { NODE_ID_PATTERN } from '../protocol/cluster/node-id.js';
import { counts, type NodeVerdict } from './health.js';
import { type ProbeEndpoint, parseEndpoint } from './probe-endpoint.js';
import { ENDPOINTS_PER_NODE_MAX } from './prober.js';

/** Trackers in the set; an answer holds far fewer. */
const MEMBERS_MAX = 4_096;
/** How often the set names a service at most: what it weighs beside others. */
const SERVICE_WEIGHT_MAX = 100;
/**
 * Addresses of one family that a tracker has in the set. An answer is a few of them at random, so one
 * that has a thousand addresses would otherwise be sent almost all clients.
 */
export const ADDRESSES_PER_MEMBER_MAX = 4;
const SETTLE_START_SECONDS = 10;
const SETTLE_AGAIN_SECONDS = 5;
const WRITE_SECONDS = 2;

const fileSchema = z.object({
  version: z.literal(1),
  revision: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  sinceMs: z.number().int().min(0),
  members: z
    .array(
      z.object({
        id: z.string().regex(NODE_ID_PATTERN),
        name: z.string().max(255),
        endpoints: z.array(z.string().max(256)).max(ENDPOINTS_PER_NODE_MAX),
      }),
    )
    .max(MEMBERS_MAX),
});

interface Member {
  readonly id: string;
  readonly name: string;
  readonly endpoints: readonly ProbeEndpoint[];
}

export interface TrackerSetKeeperDependencies {
  readonly clock: Clock;
  readonly log: LogSink;
}

export class TrackerSetKeeper {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: LogSink;
  #members: readonly Member[] = [];
  #set: TrackerSet = { revision: 0, addresses4: [], addresses6: [], services: [] };
  #sinceMs = 0;
  #settledSeconds: number;
  #isDirty = false;
  #saidFailure = false;
  #writtenSeconds = Number.NEGATIVE_INFINITY;

  /** Loads the file; without one, or with one that cannot be read, the set is empty. */
  constructor({ path }: { path: string }, { clock, log }: TrackerSetKeeperDependencies) {
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
    this.#settledSeconds = clock.monotonicSeconds() + SETTLE_START_SECONDS;
    this.#load();
  }

  get set(): TrackerSet {
    return this.#set;
  }

  /** When the set changed last, ms since 1970; 0 for never. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Trackers in the set, and the endpoints that they are in it for. */
  get members(): readonly { id: string; name: string; endpoints: readonly ProbeEndpoint[] }[] {
    return this.#members;
  }

  /** Takes new verdicts of all trackers that are known; to be called twice a second. */
  update(verdicts: readonly NodeVerdict[]): void {
    const byId = new Map(verdicts.map((verdict) => [verdict.id, verdict]));
    const healthy = verdicts.flatMap((verdict) => {
      const endpoints = countedOf(verdict);
      if (verdict.state !== 'healthy' || endpoints.length === 0) return [];
      return [{ id: verdict.id, name: verdict.name, endpoints }];
    });
    const last = this.#members.filter(({ id }) => !isOut(byId.get(id)));
    const seconds = this.#clock.monotonicSeconds();
    if (healthy.length === 0) {
      this.#settledSeconds = Math.max(this.#settledSeconds, seconds + SETTLE_AGAIN_SECONDS);
      this.#take(last, spokenFor(last, byId));
    } else if (seconds < this.#settledSeconds) {
      const ids = new Set(healthy.map(({ id }) => id));
      const kept = last.filter(({ id }) => !ids.has(id) && !isGone(byId.get(id)));
      this.#take([...healthy, ...kept]);
    } else {
      this.#take(healthy);
    }
    this.#saveIfDue(seconds);
  }

  /** Writes what is not written yet. */
  flush(): void {
    if (this.#isDirty) this.#save();
  }

  /** `shown` is published, `members` is remembered. */
  #take(members: readonly Member[], shown = members): void {
    const sorted = [...members]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, MEMBERS_MAX)
      .map((member) => ({
        ...member,
        endpoints: [...member.endpoints].sort((a, b) => (a.url < b.url ? -1 : 1)),
      }));
    if (!isSame(textOf(sorted), textOf(this.#members))) this.#isDirty = true;
    this.#members = sorted;
    const content = contentOf(shown);
    const { revision: _, ...before } = this.#set;
    if (isSame(content, before)) return;
    const wallMs = this.#clock.wallMs();
    // Grows over restarts, and over a file that is lost.
    const revision = Math.max(this.#set.revision + 1, Math.floor(wallMs / 1000));
    this.#set = { revision, ...content };
    this.#sinceMs = wallMs;
    this.#isDirty = true;
  }

  #load(): void {
    try {
      const text = readPrivateFile(this.#path);
      if (text === undefined) return;
      const { revision, sinceMs, members } = fileSchema.parse(JSON.parse(text));
      this.#members = members.map(({ id, name, endpoints }) => ({
        id,
        name,
        endpoints: endpoints.flatMap((url) => parseEndpoint(url) ?? []),
      }));
      this.#set = { revision, ...contentOf(this.#members) };
      this.#sinceMs = sinceMs;
    } catch (error) {
      this.#log.log('warn', 'the last set of trackers cannot be read: it is made anew', {
        path: this.#path,
        reason: error instanceof Error ? error.message.slice(0, 200) : String(error),
      });
    }
  }

  #saveIfDue(seconds: number): void {
    if (!this.#isDirty || seconds - this.#writtenSeconds < WRITE_SECONDS) return;
    this.#writtenSeconds = seconds;
    this.#save();
  }

  #save(): void {
    const { revision } = this.#set;
    const members = this.#members.map(({ id, name, endpoints }) => ({
      id,
      name,
      endpoints: endpoints.map(({ url }) => url),
    }));
    const file = { version: 1, revision, sinceMs: this.#sinceMs, members };
    try {
      writePrivateFile(this.#path, `${JSON.stringify(file)}\n`);
      this.#isDirty = false;
      this.#saidFailure = false;
    } catch (error) {
      // Said once; the next time that it is due it is tried again.
      const reason = reasonOf(error);
      if (!this.#saidFailure)
        this.#log.log('error', 'the set of trackers is not saved', { reason });
      this.#saidFailure = true;
    }
  }
}

function countedOf({ endpoints }: NodeVerdict): ProbeEndpoint[] {
  return endpoints.filter(({ state }) => counts(state)).map(({ endpoint }) => endpoint);
}

/** Not to be used, however few are left. Undefined: no such node any more. */
function isOut(verdict: NodeVerdict | undefined): boolean {
  return verdict === undefined || verdict.state === 'revoked' || verdict.isDraining;
}

/** Nothing that is still to be heard of it will say that it is well. */
function isGone(verdict: NodeVerdict | undefined): boolean {
  return verdict !== undefined && (verdict.reason === 'probes' || isStopped(verdict));
}

/** Of a last set: who still seems to be there, or else everybody. */
function spokenFor(
  last: readonly Member[],
  verdicts: ReadonlyMap<string, NodeVerdict>,
): readonly Member[] {
  const byHeart = last.filter(({ id }) => verdicts.get(id)?.state === 'healthy');
  if (byHeart.length > 0) return byHeart;
  const byProbes = last.flatMap(({ id, name }) => {
    const well = verdicts.get(id)?.endpoints.filter(({ state }) => state === 'well') ?? [];
    return well.length > 0 ? [{ id, name, endpoints: well.map(({ endpoint }) => endpoint) }] : [];
  });
  return byProbes.length > 0 ? byProbes : last;
}

function contentOf(members: readonly Member[]): Omit<TrackerSet, 'revision'> {
  const addresses = (family: 4 | 6) => {
    const ofEach = members.flatMap(({ endpoints }) => {
      const ips = endpoints.filter((each) => each.family === family).map(({ ip }) => ip);
      return [...new Set(ips)].slice(0, ADDRESSES_PER_MEMBER_MAX);
    });
    return [...new Set(ofEach)].sort();
  };
  const uses = new Map<string, number>();
  for (const { endpoints } of members) {
    // Once for each tracker, however many addresses it serves it at: nobody outvotes the others.
    const services = new Set(endpoints.map(({ protocol, port }) => `${protocol} ${port}`));
    for (const service of services) uses.set(service, 1 + (uses.get(service) ?? 0));
  }
  // The most common first, each as often as it is served; then in an order that does not change.
  const services = [...uses]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .flatMap(([service, times]) => {
      const [protocol, port] = service.split(' ');
      const served = { protocol: protocol as ProbeEndpoint['protocol'], port: Number(port) };
      return Array.from({ length: Math.min(times, SERVICE_WEIGHT_MAX) }, () => served);
    });
  return { addresses4: addresses(4), addresses6: addresses(6), services };
}

function textOf(members: readonly Member[]) {
  return members.map(({ id, name, endpoints }) => [id, name, endpoints.map(({ url }) => url)]);
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
