/**
 * Minders tell each other what their probes found, on `ctl.sync.health`, each two seconds.
 *
 * ```
 * {"version": 1, "type": "health", "minder": "n...",
 *  "nodes": {"n...": [["udp://192.0.2.1:6969", 1200, 800, 0, 3, ""], ...]}}
 *               endpoint, ms since it succeeded (-1: not proven), ms since it was probed,
 *               failures in a row, round trip in ms (-1: none), error (empty: none)
 * ```
 *
 * A message is at most 64 KB and whole in itself; many nodes take several. What is heard of a node
 * replaces what that minder said of it before, and is forgotten when it is too old to count. Only
 * minders may publish and hear `ctl.sync.>`.
 */
import { z } from 'zod';
import type { ReplicationTransport } from '../cluster/transport.js';
import { SecondBudget } from '../lib/second-budget.js';
import { CONTROL_BYTES_MAX, MINDERS_MAX } from '../protocol/cluster/control.js';
import { NODE_ID_PATTERN } from '../protocol/cluster/node-id.js';
import type { MinderReports } from './health.js';
import type { ProbeError } from './probe.js';
import { type ProbeEndpoint, parseEndpoint } from './probe-endpoint.js';
import { ENDPOINTS_PER_NODE_MAX, type EndpointReport } from './prober.js';

export const HEALTH_SUBJECT = 'ctl.sync.health';
/** A message of one node more stays below the bound. */
const CHUNK_BYTES = CONTROL_BYTES_MAX - 12 * 1024;
/** One minder's: enough for 20,000 endpoints each two seconds. */
const MESSAGES_PER_SECOND_MAX = 32;
const NODES_MAX = 4_096;
const AGE_MS_MAX = 3_600_000;

const ERRORS = [
  '',
  'timeout',
  'refused',
  'no_route',
  'closed',
  'wrong_answer',
  'not_proven',
] as const satisfies readonly (ProbeError | '')[];

const age = z.number().int().min(0).max(AGE_MS_MAX);
const row = z.tuple([
  z.string().max(256),
  age.or(z.literal(-1)),
  age,
  z.number().int().min(0),
  z.number().min(-1).max(AGE_MS_MAX),
  z.enum(ERRORS),
]);
type Row = z.output<typeof row>;

const messageSchema = z.object({
  version: z.literal(1),
  type: z.literal('health'),
  minder: z.string().regex(NODE_ID_PATTERN),
  nodes: z.record(z.string().regex(NODE_ID_PATTERN), z.array(row).max(ENDPOINTS_PER_NODE_MAX)),
});

export interface HealthExchangeOptions {
  readonly minderId: string;
  /** Reports older than this do not count. */
  readonly lifeMs: number;
}

export interface HealthExchangeDependencies {
  readonly transport: ReplicationTransport;
  readonly clock: { monotonicMs(): number };
  /** Whether a node is a minder of this cluster that was not revoked. */
  readonly isMinder: (nodeId: string) => boolean;
  /** Whether a node is a tracker that we know. */
  readonly isTracker: (nodeId: string) => boolean;
}

interface Heard {
  readonly reports: readonly EndpointReport[];
  readonly heardMs: number;
}

interface Voice {
  readonly budget: SecondBudget;
  readonly nodes: Map<string, Heard>;
}

export class HealthExchange {
  readonly counters = { messagesSent: 0, messagesHeard: 0, messagesRefused: 0 };
  readonly #options: HealthExchangeOptions;
  readonly #dependencies: HealthExchangeDependencies;
  /** By minder. */
  readonly #voices = new Map<string, Voice>();

  constructor(options: HealthExchangeOptions, dependencies: HealthExchangeDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  start(): void {
    this.#dependencies.transport.subscribe(HEALTH_SUBJECT, (_subject, payload) =>
      this.hear(payload),
    );
  }

  /** Tells the others what this minder found. */
  tell(own: MinderReports): void {
    const { transport } = this.#dependencies;
    if (!transport.connected) return;
    let nodes: Record<string, Row[]> = {};
    let bytes = 0;
    const send = () => {
      this.counters.messagesSent++;
      const message = { version: 1, type: 'health', minder: this.#options.minderId, nodes };
      transport.publish(HEALTH_SUBJECT, Buffer.from(JSON.stringify(message)));
      nodes = {};
      bytes = 0;
    };
    for (const [id, reports] of own) {
      if (reports.length === 0) continue;
      nodes[id] = reports.slice(0, ENDPOINTS_PER_NODE_MAX).map(rowOf);
      bytes += id.length + JSON.stringify(nodes[id]).length + 4;
      if (bytes > CHUNK_BYTES) send();
    }
    if (bytes > 0) send();
  }

  /** Bytes came from some minder. Never throws. */
  hear(payload: Uint8Array): void {
    const message = decode(payload);
    if (message?.minder === this.#options.minderId) return;
    const voice = message === undefined ? undefined : this.#voiceOf(message.minder);
    const nowMs = this.#dependencies.clock.monotonicMs();
    if (message === undefined || !voice?.budget.take(Math.floor(nowMs / 1000))) {
      this.counters.messagesRefused++;
      return;
    }
    this.counters.messagesHeard++;
    for (const [id, rows] of Object.entries(message.nodes)) {
      if (!this.#dependencies.isTracker(id)) continue;
      if (voice.nodes.size >= NODES_MAX && !voice.nodes.has(id)) continue;
      voice.nodes.set(id, { reports: rows.flatMap(reportOf), heardMs: nowMs });
    }
  }

  /** What each of the other minders says, as old as it is now. */
  reports(): MinderReports[] {
    const nowMs = this.#dependencies.clock.monotonicMs();
    this.#forget(nowMs);
    return [...this.#voices.values()].map(({ nodes }) => {
      const byNode = new Map<string, EndpointReport[]>();
      for (const [id, { reports, heardMs }] of nodes) {
        byNode.set(
          id,
          reports.map((report) => older(report, nowMs - heardMs)),
        );
      }
      return byNode;
    });
  }

  #voiceOf(minder: string): Voice | undefined {
    if (!this.#dependencies.isMinder(minder)) return undefined;
    const known = this.#voices.get(minder);
    if (known !== undefined) return known;
    if (this.#voices.size >= MINDERS_MAX) return undefined;
    const voice = { budget: new SecondBudget(MESSAGES_PER_SECOND_MAX), nodes: new Map() };
    this.#voices.set(minder, voice);
    return voice;
  }

  #forget(nowMs: number): void {
    const { isMinder, isTracker } = this.#dependencies;
    for (const [minder, { nodes }] of this.#voices) {
      for (const [id, { heardMs }] of nodes) {
        if (nowMs - heardMs > this.#options.lifeMs || !isTracker(id)) nodes.delete(id);
      }
      if (nodes.size === 0 || !isMinder(minder)) this.#voices.delete(minder);
    }
  }
}

function decode(payload: Uint8Array): z.output<typeof messageSchema> | undefined {
  if (payload.length > CONTROL_BYTES_MAX) return undefined;
  try {
    const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString();
    return messageSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function rowOf({ endpoint, okAgeMs, ageMs, failures, rttMs, error }: EndpointReport): Row {
  const ms = (value: number) => Math.min(AGE_MS_MAX, Math.round(value));
  return [
    endpoint.url,
    okAgeMs === undefined ? -1 : ms(okAgeMs),
    ms(ageMs),
    failures,
    rttMs === undefined ? -1 : Math.min(AGE_MS_MAX, Math.round(10 * rttMs) / 10),
    error ?? '',
  ];
}

/** Endpoints read lately: the same ones come each two seconds. */
const parsed = new Map<string, ProbeEndpoint | undefined>();
const PARSED_MAX = 16_384;

function reportOf([url, okAgeMs, ageMs, failures, rttMs, error]: Row): EndpointReport[] {
  if (!parsed.has(url)) {
    if (parsed.size >= PARSED_MAX) parsed.clear();
    parsed.set(url, parseEndpoint(url));
  }
  const endpoint = parsed.get(url);
  if (endpoint === undefined) return [];
  return [
    {
      endpoint,
      okAgeMs: okAgeMs < 0 ? undefined : okAgeMs,
      ageMs,
      failures,
      rttMs: rttMs < 0 ? undefined : rttMs,
      error: error === '' ? undefined : error,
    },
  ];
}

function older(report: EndpointReport, ms: number): EndpointReport {
  const { okAgeMs, ageMs } = report;
  return {
    ...report,
    okAgeMs: okAgeMs === undefined ? undefined : okAgeMs + ms,
    ageMs: ageMs + ms,
  };
}
