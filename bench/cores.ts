/** Which core what runs on: trackers on the first core, the load generator on the last. */
import { readAffinity, setAffinity } from '../src/sys/affinity.js';
import { loadSys } from '../src/sys/load-sys.js';
import type { Sys } from '../src/sys/sys.js';

export class Cores {
  readonly #sys: Sys | undefined;
  readonly #all: readonly number[] = [];
  readonly pinned: boolean;

  constructor() {
    const loaded = loadSys();
    if (loaded.ok) {
      this.#sys = loaded.sys;
      this.#all = readAffinity(loaded.sys);
    }
    this.pinned = this.#all.length > 1;
    this.#pin(this.#all.length - 1);
  }

  /** What `start` starts at once runs on the trackers' core: processes inherit it. */
  readonly forTracker = <T>(start: () => T): T => {
    this.#pin(0);
    try {
      return start();
    } finally {
      this.#pin(this.#all.length - 1);
    }
  };

  release(): void {
    if (this.#sys !== undefined && this.pinned) setAffinity(this.#sys, this.#all);
  }

  #pin(index: number): void {
    if (this.#sys !== undefined && this.pinned) setAffinity(this.#sys, [this.#all[index]]);
  }
}
