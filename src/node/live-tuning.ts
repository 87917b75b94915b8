/**
 * What main does so that a tracker's settings can change while it runs: the memory that its threads
 * share, the load that is measured each second, and, where no cluster does it, how long peers live.
 */
import type { LoadView } from '../admin/admin-source.js';
import { loadTuning, saveTuning } from '../cluster/tuning-file.js';
import type { Config } from '../config/index.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import { reasonOf } from '../lib/reason.js';
import type { StoreMemory } from '../swarm/layout.js';
import { createLiveSettings, LiveSettings } from '../tracker/live-settings.js';
import { PeerLife } from '../tracker/peer-life.js';
import { LOAD_TICK_MS, LoadControl } from './load-control.js';
import { LoadMeter, type MeteredTask } from './load-meter.js';
import { peerLifeOptions } from './peer-life-options.js';

export interface LiveTuningDependencies {
  readonly memory: StoreMemory;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class LiveTuning {
  /** For the tasks of workers. */
  readonly memory = createLiveSettings();
  readonly #config: Config;
  readonly #path: string;
  readonly #dependencies: LiveTuningDependencies;
  readonly #live: LiveSettings;
  /** Of a tracker that stands alone; in a cluster its worker keeps it from its start on. */
  readonly #life: PeerLife;
  #isAlone = false;
  /** The longest interval that is on the disk. */
  #saved = 0;
  #control: LoadControl | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `path`: of `tuning.json`. */
  constructor(config: Config, path: string, dependencies: LiveTuningDependencies) {
    this.#config = config;
    this.#path = path;
    this.#dependencies = dependencies;
    this.#live = new LiveSettings(this.memory, config.announce);
    const { memory, clock } = dependencies;
    const control = new Int32Array(memory.control);
    this.#life = new PeerLife(peerLifeOptions(config, memory), { control, clock });
  }

  /**
   * Has peers live as long as the clients of the last run were told to stay away. To be called before
   * the saved store is loaded: it must not drop who is not due yet.
   */
  restore(): void {
    const { saved, damage } = loadTuning(this.#path, '');
    if (damage !== undefined) {
      const { logger } = this.#dependencies;
      logger.warn({ path: this.#path, reason: damage }, 'saved settings are left out');
    }
    this.#saved = saved.longestIntervalSeconds;
    this.#life.told(saved.longestIntervalSeconds);
    this.#life.update();
  }

  /** Begins to watch the load of the workers. `alone`: there is no cluster worker. */
  watch(tasks: readonly MeteredTask[], { alone }: { readonly alone: boolean }): void {
    const { clock, logger } = this.#dependencies;
    this.#isAlone = alone;
    const meter = new LoadMeter(tasks, { nowMs: () => performance.now() });
    this.#control = new LoadControl(this.#config.load, { live: this.#live, meter, clock, logger });
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.tick(), LOAD_TICK_MS).unref();
  }

  tick(): void {
    this.#control?.tick();
    if (!this.#isAlone) return;
    this.#life.told(this.#live.intervalSeconds);
    this.#life.update();
    const longest = this.#life.longest?.intervalSeconds ?? 0;
    // The configured one is known at the next start anyway.
    const worth = longest > this.#config.announce.intervalSeconds ? longest : 0;
    if (worth !== this.#saved) this.#save(worth);
  }

  view(): LoadView | undefined {
    return this.#control?.view();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #save(longestIntervalSeconds: number): void {
    this.#saved = longestIntervalSeconds;
    try {
      saveTuning(this.#path, { node: '', tuning: null, drain: null, longestIntervalSeconds });
    } catch (error) {
      const reason = reasonOf(error);
      this.#dependencies.logger.error({ reason }, 'saving the settings in force failed');
    }
  }
}
