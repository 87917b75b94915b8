/**
 * This node's own words on their way to the others.
 *
 * ```
 * change rings --> encoder --(20 ms, or full)--> ring of batches --cursor--> bus
 * ```
 *
 * Nothing here waits: batches are built and numbered whether or not the bus takes them, and the cursor
 * follows as it can. What the change rings had no room for is read from the store once more.
 */
import { BatchEncoder } from '../protocol/cluster/batch-encoder.js';
import { recordFlags } from '../protocol/cluster/fields.js';
import { CellWalk } from '../swarm/cell-walk.js';
import type { ChangeRingReader, PeerChange } from '../swarm/change-ring.js';
import { WEB_KINDS } from '../swarm/layout.js';
import type { PeerWord } from '../swarm/peer-word.js';
import { BatchRing } from './batch-ring.js';
import type { DownloadLedger } from './download-ledger.js';
import { SELF_SLOT } from './origins.js';
import { type ReplicationContext, STAMPS_PER_MS } from './replication-context.js';
import { UntoldStops } from './untold-stops.js';
import type { WebPresence } from './web-presence.js';

/** Stops of web peers that are kept back: what a busy tracker has in a minute. */
const UNTOLD_STOPS_MAX = 4_096;

/** Of a word what is told besides its flags. */
type ToldWord = Pick<PeerWord, 'stamp' | 'wire'>;

export class Publisher {
  readonly ring: BatchRing;
  readonly #context: ReplicationContext;
  readonly #ledger: DownloadLedger;
  readonly #presence: WebPresence;
  readonly #encoder: BatchEncoder;
  readonly #subject: string;
  readonly #dropped: number[];
  /** When the first change of the batch came, on the monotonic clock. */
  #sinceMs = 0;
  /** Our stamp when no change had been lost; and from when on some are, if so. */
  #soundStamp: number;
  #lostSince: number | undefined;
  #replay: CellWalk | undefined;
  /** Words about web peers were kept back, for a tracker that does not know them. */
  #hasUntold = false;
  readonly #untoldStops = new UntoldStops({ stopsMax: UNTOLD_STOPS_MAX });
  /** The swarm that a walk is in: words, and where in them. */
  #swarm: Int32Array = new Int32Array(5);
  #swarmAt = 0;

  constructor(
    context: ReplicationContext,
    { ledger, presence }: { readonly ledger: DownloadLedger; readonly presence: WebPresence },
  ) {
    const { options, means } = context;
    this.#context = context;
    this.#ledger = ledger;
    this.#presence = presence;
    this.#encoder = new BatchEncoder({
      bytesMax: options.batchBytesMax,
      seed: means.random.next(),
    });
    this.ring = new BatchRing({ bytesMax: options.batchRingBytesMax });
    this.#subject = `peers.${options.id}`;
    this.#dropped = means.changeRings.map((ring) => ring.dropped);
    this.#soundStamp = means.store.stamp;
  }

  /** The last batch that went out. */
  get sequence(): number {
    return this.ring.cursor - 1;
  }

  /** Takes changes and publishes. Returns whether more changes wait. */
  step(): boolean {
    const { options, nowMs } = this.#context;
    const hasMore = this.#drain(options.changesPerTick);
    if (!hasMore) this.#stepReplay();
    if (!this.#encoder.isEmpty && nowMs - this.#sinceMs >= options.flushMs) this.#finishBatch();
    this.#publish();
    return hasMore;
  }

  /** Takes whatever waits and publishes it, whether or not the bus is slow. */
  flush(): void {
    while (this.#drain(this.#context.options.changesPerTick));
    if (!this.#encoder.isEmpty) this.#finishBatch();
    const { transport } = this.#context.means;
    if (!transport.connected) return;
    while (this.ring.cursor < this.ring.next) this.#publishNext();
  }

  /** Tells how many downloads of a swarm this node counted, in all. */
  readonly tellCount = (words: Int32Array, at: number, downloads: number): void => {
    this.#context.tally.countsRepeated++;
    this.#setDownloads(words, at, downloads);
  };

  #drain(max: number): boolean {
    const { means, tally } = this.#context;
    let left = max;
    let lost = 0;
    let waiting = 0;
    means.changeRings.forEach((ring, i) => {
      left -= ring.drain(left, this.#take);
      waiting += ring.length;
      lost += this.#lostBy(ring, i);
    });
    tally.changes += max - left;
    if (lost > 0) {
      tally.changesLost += lost;
      const margin = Math.round(this.#context.options.walkMarginMs * STAMPS_PER_MS);
      this.#lostSince ??= (this.#soundStamp - margin) | 0;
    } else if (this.#lostSince === undefined && waiting === 0) {
      this.#soundStamp = means.store.stamp;
    }
    return waiting > 0;
  }

  #lostBy(ring: ChangeRingReader, index: number): number {
    const lost = (ring.dropped - this.#dropped[index]) >>> 0;
    this.#dropped[index] = ring.dropped;
    return lost;
  }

  readonly #take = (change: PeerChange): void => {
    const flags = recordFlags(change.kind, change.stopped, change.partialSeed, change.completed);
    if (change.kind < WEB_KINDS || this.#mayTellWeb()) {
      this.#add(change.infoHash, 0, flags, change);
    } else if (change.stopped && !this.#untoldStops.keep(change.infoHash, flags, change)) {
      this.#context.tally.webStopsForgotten++;
    }
    if (change.download) {
      this.#setDownloads(change.infoHash, 0, this.#ledger.enter(change.infoHash));
    }
  };

  #mayTellWeb(): boolean {
    if (this.#presence.mayTell) return true;
    this.#hasUntold = true;
    this.#context.tally.webWordsUntold++;
    return false;
  }

  #add(words: Int32Array, at: number, flags: number, { stamp, wire }: ToldWord): void {
    if (this.#encoder.isEmpty) this.#sinceMs = this.#context.nowMs;
    if (this.#encoder.add(words, at, flags, stamp, wire, 0)) return;
    this.#finishBatch();
    this.#encoder.add(words, at, flags, stamp, wire, 0);
  }

  #setDownloads(words: Int32Array, at: number, downloads: number): void {
    if (this.#encoder.isEmpty) this.#sinceMs = this.#context.nowMs;
    if (this.#encoder.setDownloads(words, at, downloads)) return;
    this.#finishBatch();
    this.#encoder.setDownloads(words, at, downloads);
  }

  #finishBatch(): void {
    const { options, means, tally } = this.#context;
    const batch = this.#encoder.finish({
      origin: options.id,
      epoch: options.epoch,
      sequence: this.ring.next,
      mapRevision: 0,
      builtMs: means.clock.wallMs(),
    });
    this.ring.push(batch);
    tally.batchesBuilt++;
    tally.batchesUnpublished = this.ring.unpublished;
    this.#sinceMs = this.#context.nowMs;
  }

  #publish(): void {
    while (this.ring.cursor < this.ring.next && this.#context.mayPublish) this.#publishNext();
  }

  #publishNext(): void {
    const batch = this.ring.get(this.ring.cursor++);
    if (batch === undefined) return;
    this.#context.means.transport.publish(this.#subject, batch);
    this.#context.tally.batchesPublished++;
  }

  /** Tells again of this node's own peers that changed since changes were lost. */
  #stepReplay(): void {
    const { means, options, tally } = this.#context;
    if (this.#replay === undefined) {
      if (this.#lostSince === undefined) {
        this.#tellUntold();
        return;
      }
      const sinceStamp = this.#lostSince;
      this.#lostSince = undefined;
      this.#soundStamp = means.store.stamp;
      tally.replays++;
      means.log.log(
        'warn',
        'changes came faster than they could be told to other trackers; they are read from the store again',
        { changesLost: tally.changesLost },
      );
      const own = { sinceStamp, origin: SELF_SLOT };
      this.#replay = new CellWalk(means.store, this.#replayVisitor, own);
    }
    if (!this.#replay.step(options.walkPeersPerTick)) this.#replay = undefined;
  }

  /** Everybody knows web peers now: all of this node's are told, first who left. */
  #tellUntold(): void {
    if (!this.#hasUntold || !this.#presence.mayTell) return;
    this.#hasUntold = false;
    for (const stop of this.#untoldStops.take()) this.#add(stop.infoHash, 0, stop.flags, stop);
    const own = { origin: SELF_SLOT, families: 'web' } as const;
    this.#replay = new CellWalk(this.#context.means.store, this.#replayVisitor, own);
  }

  readonly #replayVisitor = {
    swarm: (words: Int32Array, at: number): void => {
      this.#swarm = words;
      this.#swarmAt = at;
    },
    peer: (word: PeerWord): void => {
      const flags = recordFlags(word.kind, false, word.partialSeed, word.completed);
      if (word.kind >= WEB_KINDS && !this.#mayTellWeb()) return;
      this.#add(this.#swarm, this.#swarmAt, flags, word);
    },
  };
}
