/**
 * Turns a walk over this node's store into messages of entries: chunks for whoever asked, or words
 * for a node that lacks them. Holds what a step of the walk finished until it is sent.
 */

import type { EntriesKind } from '../protocol/cluster/entries.js';
import { EntriesEncoder } from '../protocol/cluster/entries-encoder.js';
import { recordFlags } from '../protocol/cluster/fields.js';
import { CellWalk, type CellWalkOptions } from '../swarm/cell-walk.js';
import type { PeerWord } from '../swarm/peer-word.js';
import { SELF_SLOT } from './origins.js';
import type { ReplicationContext } from './replication-context.js';

export interface EntriesSenderOptions {
  readonly kind: EntriesKind;
  readonly walkId: number;
  /** Which peers; with `origin` only that node's downloads are told of. */
  readonly walk: CellWalkOptions;
}

export class EntriesSender {
  /** Records in the messages made so far. */
  records = 0;
  /** Messages that were taken. */
  sent = 0;
  readonly #context: ReplicationContext;
  readonly #options: EntriesSenderOptions;
  readonly #encoder: EntriesEncoder;
  readonly #walk: CellWalk;
  readonly #ready: Uint8Array[] = [];
  /** The swarm of the last word. */
  readonly #infoHash = new Int32Array(5);
  #number = 0;
  #isWalked = false;

  constructor(context: ReplicationContext, options: EntriesSenderOptions) {
    this.#context = context;
    this.#options = options;
    const { store, origins } = context.means;
    const { chunkBytesMax: bytesMax } = context.options;
    this.#encoder = new EntriesEncoder({ bytesMax }, { idOf: (slot) => origins.idOf(slot) });
    this.#walk = new CellWalk(store, this, options.walk);
  }

  /** True when the last message was taken. */
  get isDone(): boolean {
    return this.#isWalked && this.#ready.length === 0;
  }

  /** Messages made so far. */
  get messages(): number {
    return this.#number;
  }

  /** The next message, after looking at up to `peers` peers; undefined when it takes more. */
  next(peers: number): Uint8Array | undefined {
    if (this.#ready.length === 0 && !this.#isWalked) {
      if (!this.#walk.step(peers)) {
        this.#isWalked = true;
        this.#finish(true);
      }
    }
    const message = this.#ready.shift();
    if (message !== undefined) this.sent++;
    return message;
  }

  /** Called by the walk. */
  swarm(words: Int32Array, at: number, downloads: number): void {
    const isSame = this.#infoHash.every((word, i) => word === words[at + i]);
    for (let i = 0; i < 5; i++) this.#infoHash[i] = words[at + i];
    this.#encoder.beginGroup(this.#infoHash, 0);
    if (downloads === 0 || isSame) return;
    const { counters } = this.#context.means;
    const ownOnly = this.#options.walk.origin !== undefined;
    counters.forEach(this.#infoHash, 0, (slot, counted) => {
      if (ownOnly && slot !== SELF_SLOT) return;
      if (this.#encoder.addDownloads(slot, counted)) return;
      this.#finish(false);
      this.#encoder.addDownloads(slot, counted);
    });
  }

  /** Called by the walk. */
  peer(word: PeerWord): void {
    const { origin, stamp, ageSeconds, wire } = word;
    const flags = recordFlags(word.kind, false, word.partialSeed, word.completed);
    this.records++;
    if (this.#encoder.addRecord(flags, origin, stamp, ageSeconds, wire, 0)) return;
    this.#finish(false);
    this.#encoder.addRecord(flags, origin, stamp, ageSeconds, wire, 0);
  }

  #finish(isLast: boolean): void {
    const { kind, walkId } = this.#options;
    this.#ready.push(this.#encoder.finish({ kind, walkId, number: this.#number++, isLast }));
  }
}
