/**
 * The cluster's word on how this tracker serves: takes interval, reply size and drains from what
 * minders say, and keeps how long peers live to what all trackers tell their clients.
 *
 * ```
 * settings of minders ---- take ---> interval, numwant, drain   live settings, tuning.json
 * heartbeats of others --- heard --> intervals told elsewhere   PeerLife -> the store's control words
 * heartbeats of ours <-- counters -- interval, requests, visits, the longest interval and its age
 * ```
 *
 * Each part has a version of its own, and the greater one counts: two minders that have not met for a
 * while may take turns in speaking.
 */
import type { LogSink } from '../lib/log-sink.js';
import { reasonOf } from '../lib/reason.js';
import { type ClusterSettings, type ClusterTuning, isNewer } from '../protocol/cluster/control.js';
import type { LiveSettings } from '../tracker/live-settings.js';
import type { PeerLife } from '../tracker/peer-life.js';
import type { OwnState } from './heartbeats.js';
import type { ServiceReport } from './replicator-options.js';
import { loadTuning, type SavedTuning, saveTuning } from './tuning-file.js';

/** Between two saves of an interval that somebody else may have chosen. */
const SAVE_SECONDS = 10;

export const DRAINING: OwnState = { state: 'draining', reason: 'operator' };

export interface ClusterTuningOptions {
  /** Where it is remembered. */
  readonly path: string;
  readonly nodeId: string;
}

export interface ClusterTuningDependencies {
  readonly live: LiveSettings;
  readonly life: PeerLife;
  readonly clock: { monotonicSeconds(): number; wallMs(): number };
  readonly log: LogSink;
}

export class TuningKeeper implements ServiceReport {
  /** Called with what is to be told to the others, when that changes. */
  onState: (state: OwnState | undefined) => void = () => {};
  /** Called when the cluster changes which lists count; null: as this tracker is configured. */
  onListMode: (mode: ClusterTuning['listMode']) => void = () => {};
  readonly #options: ClusterTuningOptions;
  readonly #dependencies: ClusterTuningDependencies;
  #saved: SavedTuning;
  /** The longest interval that is on the disk, and when another one may be. */
  #longest: number;
  #mayFollowSeconds = 0;

  /** Takes up what was saved. */
  constructor(options: ClusterTuningOptions, dependencies: ClusterTuningDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    const { path, nodeId } = options;
    const { saved, damage } = loadTuning(path, nodeId);
    if (damage !== undefined) {
      const text = 'what the cluster said last is not known: it will say it again';
      dependencies.log.log('warn', text, { path, reason: damage });
    }
    this.#saved = saved;
    this.#longest = saved.longestIntervalSeconds;
    // For how long it counts still is not known: better too long.
    dependencies.life.told(saved.longestIntervalSeconds);
    this.#apply();
    this.#follow();
  }

  /** This tracker is to lose its clients to others. */
  get draining(): boolean {
    return this.#saved.drain?.[1] === true;
  }

  get state(): OwnState | undefined {
    return this.draining ? DRAINING : undefined;
  }

  get listMode(): ClusterTuning['listMode'] {
    return this.#saved.tuning?.listMode ?? null;
  }

  /** Takes what is newer in a message of any minder, whatever its revision. */
  take({ tuning, drains = [] }: Pick<ClusterSettings, 'tuning' | 'drains'>): void {
    const { nodeId } = this.#options;
    const before = this.#saved;
    let after = before;
    const wallMs = this.#dependencies.clock.wallMs();
    if (tuning !== undefined) {
      const { version } = before.tuning ?? {};
      if (version === undefined || isNewer(tuning.version, version, wallMs)) {
        after = { ...after, tuning };
      }
    }
    for (const [node, saidMs, draining] of drains) {
      if (node !== nodeId) continue;
      const { drain } = after;
      // Of two words that came at once the last one heard counts, but only if it says something new.
      if (drain !== null && saidMs === drain[0] && draining === drain[1]) continue;
      if (drain !== null && isNewer([drain[0], ''], [saidMs, ''], wallMs)) continue;
      after = { ...after, drain: [saidMs, draining] };
    }
    if (after === before) return;
    const { draining, listMode } = this;
    this.#saved = after;
    this.#apply();
    this.#follow();
    if (this.draining !== draining) this.#sayDrain();
    if (this.listMode !== listMode) this.onListMode(this.listMode);
    if (after.tuning !== before.tuning) this.#sayTuning();
    this.#save();
  }

  /** To be called about once a second. */
  tick(): void {
    this.#follow();
    const { life, clock } = this.#dependencies;
    const longest = life.longest?.intervalSeconds ?? 0;
    // Others may say what they like as often as they like: the disk has its own pace.
    if (longest === this.#longest || clock.monotonicSeconds() < this.#mayFollowSeconds) return;
    this.#mayFollowSeconds = clock.monotonicSeconds() + SAVE_SECONDS;
    this.#save();
  }

  /** For this node's heartbeat. */
  counters(): Record<string, number> {
    const { live, life } = this.#dependencies;
    live.refresh();
    const { requests, visits } = live.totals;
    const told = { intervalSeconds: live.intervalSeconds, requests, visits };
    const { longest } = life;
    if (longest === undefined) return told;
    return {
      ...told,
      longestIntervalSeconds: longest.intervalSeconds,
      longestIntervalAgeSeconds: longest.ageSeconds,
    };
  }

  /** From the heartbeat of another tracker; those of an older version say nothing of it. */
  heard(counters: Readonly<Record<string, number | undefined>>): void {
    const { life } = this.#dependencies;
    life.told(counters.intervalSeconds ?? 0);
    life.told(counters.longestIntervalSeconds ?? 0, counters.longestIntervalAgeSeconds ?? 0);
  }

  #apply(): void {
    const { live } = this.#dependencies;
    const { tuning } = this.#saved;
    live.setCluster(tuning?.intervalSeconds ?? null, tuning?.numwantMax ?? null);
    live.setDraining(this.draining);
    this.onState(this.state);
  }

  /** Has peers live as long as clients were told to stay away. */
  #follow(): void {
    const { live, life } = this.#dependencies;
    live.refresh();
    life.told(live.intervalSeconds);
    life.update();
  }

  #sayDrain(): void {
    const text = this.draining
      ? 'draining: clients are served, and are to move to other trackers'
      : 'the drain is over';
    this.#dependencies.log.log('info', text);
  }

  #sayTuning(): void {
    const { intervalSeconds = null, numwantMax = null } = this.#saved.tuning ?? {};
    const fields = { intervalSeconds, numwantMax, listMode: this.listMode };
    this.#dependencies.log.log('info', 'the settings of the cluster have changed', fields);
  }

  #save(): void {
    const { life, log } = this.#dependencies;
    this.#longest = life.longest?.intervalSeconds ?? 0;
    this.#saved = { ...this.#saved, longestIntervalSeconds: this.#longest };
    const { path } = this.#options;
    try {
      saveTuning(path, this.#saved);
    } catch (error) {
      const reason = reasonOf(error);
      log.log('error', 'saving what the cluster said failed', { path, reason });
    }
  }
}
