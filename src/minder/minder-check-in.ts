/**
 * Asks the other minders from time to time whether this one is still of them. The bus cannot tell
 * it: a minder that was revoked while it was away is let in by nobody, and would go on alone, with
 * trackers on its bus that hear nobody else.
 */
import { askMinder, parseMinderUrl } from '../cluster/minder-request.js';
import type { Clock } from '../lib/clock.js';
import { ADMISSION_VERSION, MINDER_PATH } from '../protocol/cluster/minder-admission.js';
import type { KeyPairPem } from './certificate-authority.js';
import { isRefusal } from './minder-join.js';
import type { MinderRoster, OtherMinder } from './minder-roster.js';

const INTERVAL_SECONDS = 15;
const TIMEOUT_MS = 3_000;

export interface MinderCheckInOptions {
  /** The cluster CA's certificate, PEM. */
  readonly ca: string;
  /** `OwnKeys.routePin`. */
  readonly routePin: string;
  /** Whether this minder uses somebody else's bus. */
  readonly external: boolean;
  readonly intervalSeconds?: number;
  readonly timeoutMs?: number;
}

export interface MinderCheckInDependencies {
  readonly roster: MinderRoster;
  /** What this minder shows. */
  readonly credentials: () => KeyPairPem;
  /** How many others are heard on the bus. When one falls silent, it may be that it has cut us off. */
  readonly heard: () => number;
  /** Another minder says that this one is out. */
  readonly onRevoked: () => void;
  readonly clock: Clock;
}

export class MinderCheckIn {
  /** Words of other minders that this one is known, that it is out, and questions in vain. */
  readonly counters = { member: 0, revoked: 0, unanswered: 0 };
  readonly #options: MinderCheckInOptions;
  readonly #dependencies: MinderCheckInDependencies;
  #dueSeconds = 0;
  #heard = 0;
  #asking: Promise<boolean> | undefined;

  constructor(options: MinderCheckInOptions, dependencies: MinderCheckInDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** To be called each second. */
  tick(): void {
    const { clock, heard } = this.#dependencies;
    const seconds = clock.monotonicSeconds();
    const others = heard();
    if (others < this.#heard) this.#dueSeconds = seconds;
    this.#heard = others;
    if (seconds < this.#dueSeconds || this.#asking !== undefined) return;
    void this.ask();
  }

  /** Asks all of them now. Resolves to true when one says that we are out; never rejects. */
  ask(): Promise<boolean> {
    this.#asking ??= this.#askAll().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #askAll(): Promise<boolean> {
    const { roster, onRevoked, clock } = this.#dependencies;
    const { intervalSeconds = INTERVAL_SECONDS } = this.#options;
    const words = await Promise.all(roster.others().map((other) => this.#askOne(other)));
    this.#dueSeconds = clock.monotonicSeconds() + intervalSeconds;
    for (const word of words) this.counters[word]++;
    if (!words.includes('revoked')) return false;
    onRevoked();
    return true;
  }

  async #askOne({ urls }: OtherMinder): Promise<'member' | 'revoked' | 'unanswered'> {
    const { ca, routePin, external, timeoutMs = TIMEOUT_MS } = this.#options;
    const body = { version: ADMISSION_VERSION, wants: 'word', routePin, external } as const;
    const credentials = this.#dependencies.credentials();
    for (const url of urls) {
      try {
        const minder = parseMinderUrl(url);
        await askMinder(minder, { path: MINDER_PATH, body, ca, credentials, timeoutMs });
        return 'member';
      } catch (error) {
        if (isRefusal(error, 'node_revoked')) return 'revoked';
      }
    }
    return 'unanswered';
  }
}
