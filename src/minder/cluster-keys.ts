/**
 * The secrets that all nodes of a cluster share: the key under which they compare their swarms,
 * which never changes, and the ring of keys for connection ids, which moves on every ten minutes.
 *
 * Where there are several minders one of them moves it on: the first in order of those that live,
 * and each next one 20 s later if it did not. Minders that cannot hear each other have a ring each; when
 * they meet, the one that has moved on further stays. Ids that were made with a key of the other are
 * good no more: that costs those clients one more connect.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../lib/clock.js';
import type { ClusterKeyRing } from '../protocol/cluster/control.js';
import { CLUSTER_SETTING, type ControlRecord } from './control-record.js';
import type { ControlChange, ControlState } from './control-state.js';

const KEY_BYTES = 16;
/** How long each minder waits for the one before it. */
const RANK_MS = 20_000;

export class ClusterKeys {
  readonly #state: ControlState;
  readonly #clock: Clock;
  readonly #periodMs: number;
  #rank: () => number = () => 0;
  /** When this ring was first seen here, on the monotonic clock, and how old it was by then. */
  #seen: { readonly ring: string; readonly seconds: number; readonly ageMs: number };

  /**
   * Makes the keys when the state has none yet.
   *
   * @param rotationSeconds how long a key makes new ids. Ids are good for at most 210 s, and a key
   *   for as long again as it was current.
   */
  constructor(
    { rotationSeconds }: { rotationSeconds: number },
    { state, clock }: { state: ControlState; clock: Clock },
  ) {
    this.#periodMs = 1000 * rotationSeconds;
    this.#state = state;
    this.#clock = clock;
    if (state.get('setting', CLUSTER_SETTING) === undefined) {
      const ring = freshRing(1 + (randomBytes(2).readUInt16LE() % 1_000));
      const value = { digestKey: newKey(), keyRing: ring, rotatedMs: clock.wallMs() };
      state.commit([change(value)]);
    }
    const { keyRing, rotatedMs } = this.#setting();
    const ageMs = Math.min(this.#periodMs, Math.max(0, clock.wallMs() - rotatedMs));
    this.#seen = { ring: keyRing.current, seconds: clock.monotonicSeconds(), ageMs };
    state.onChange(() => this.#note());
  }

  /** Says how many other minders come before this one. */
  rankBy(rank: () => number): void {
    this.#rank = rank;
  }

  get ring(): ClusterKeyRing {
    return this.#setting().keyRing;
  }

  /** 16 bytes, hexadecimal. */
  get digestKey(): string {
    return this.#setting().digestKey;
  }

  /** Moves the ring on when its time has come; true when it did. */
  rotateIfDue(): boolean {
    const { rotatedMs } = this.#setting();
    const waitMs = RANK_MS * this.#rank();
    if (this.#isSpoilt(rotatedMs, this.#clock.wallMs() - waitMs)) {
      this.#state.commit([this.replacement()]);
      return true;
    }
    // From here on the monotonic clock counts: the other one may be set, or be another minder's.
    const seconds = this.#clock.monotonicSeconds();
    const ageMs = this.#seen.ageMs + 1000 * (seconds - this.#seen.seconds);
    if (ageMs < this.#periodMs + waitMs) return false;
    this.#state.commit([this.#rotation()]);
    return true;
  }

  /** Whether a node that is revoked by now may have heard the keys, because it was not yet then. */
  #isSpoilt(rotatedMs: number, nowMs: number): boolean {
    return this.#state
      .list('revocation')
      .some(([, { effectiveMs }]) => effectiveMs > rotatedMs && effectiveMs <= nowMs);
  }

  /** Replaces every key at once: what a revoked node knows is worthless. To be committed with the rest. */
  replacement(): ControlChange {
    const old = this.#setting();
    const keyRing = freshRing(old.keyRing.generation + 3);
    return change({ ...old, keyRing, rotatedMs: this.#clock.wallMs() });
  }

  #rotation(): ControlChange {
    const old = this.#setting();
    const { generation, current, next } = old.keyRing;
    const keyRing = {
      generation: generation + 1,
      previous: current,
      current: next,
      next: newKey(),
    };
    return change({ ...old, keyRing, rotatedMs: this.#clock.wallMs() });
  }

  /** A ring that is new has just been made, here or elsewhere. */
  #note(): void {
    const { current } = this.ring;
    if (current === this.#seen.ring) return;
    this.#seen = { ring: current, seconds: this.#clock.monotonicSeconds(), ageMs: 0 };
  }

  #setting(): ControlRecord<'setting'> {
    const setting = this.#state.get('setting', CLUSTER_SETTING);
    if (setting === undefined) throw new Error('the state has no keys');
    return setting;
  }
}

function freshRing(generation: number): ClusterKeyRing {
  return { generation, previous: newKey(), current: newKey(), next: newKey() };
}

function newKey(): string {
  return randomBytes(KEY_BYTES).toString('hex');
}

function change(value: ControlRecord<'setting'>): ControlChange {
  return { kind: 'setting', id: CLUSTER_SETTING, value };
}
