/**
 * Decides which peers of a swarm an announce is told: how many of each family and role. Needs the
 * lock of the shard.
 */
import { type AnnounceReply, REPLY_PEERS_MAX } from '../protocol/announce.js';
import { PeerKind, type StoreMemory } from './layout.js';
import { wordsOf } from './leaf.js';
import type { PeerSets } from './peer-set.js';
import type { PeerTable } from './peer-table.js';
import { PeerFamily, type PeerQuery, WantFamily } from './query.js';
import type { Sampler } from './sampler.js';

export class PeerChooser {
  readonly #records: Int32Array;
  readonly #table: PeerTable;
  readonly #sets: PeerSets;
  readonly #sampler: Sampler;

  constructor(memory: StoreMemory, { table, sampler }: { table: PeerTable; sampler: Sampler }) {
    this.#records = new Int32Array(memory.records);
    this.#table = table;
    this.#sets = table.sets;
    this.#sampler = sampler;
  }

  /**
   * Copies up to `query.numwant` peers into `reply`: half of them of each family wanted, what one
   * family leaves over of the other. A peer that wants nothing (a seeder, a partial seed) is told
   * of leechers only. The peer that asks stands where the sets' last find or insert found it. Web
   * peers have room of their own in the reply.
   */
  choose(record: number, query: PeerQuery, reply: AnnounceReply): void {
    const own = this.#sets.foundLeaf !== 0;
    const self4 = own && query.family === 4 ? 1 : 0;
    const self6 = own && query.family === 6 ? 1 : 0;
    const { numwant, families } = query;
    if ((families & WantFamily.web) !== 0) this.#chooseWeb(record, query, reply);
    if ((families & WantFamily.both) === 0) return;
    let take4 = 0;
    let take6 = 0;
    if ((families & WantFamily.ipv4) !== 0) {
      take4 = Math.min(numwant, this.#available(record, PeerKind.seeders4, query, self4));
    }
    if ((families & WantFamily.ipv6) !== 0) {
      take6 = Math.min(numwant, this.#available(record, PeerKind.seeders6, query, self6));
    }
    if (take4 + take6 > numwant) {
      // The odd one goes to the family that asks.
      const share4 = query.family === 4 ? (numwant + 1) >>> 1 : numwant >>> 1;
      take4 = Math.min(take4, Math.max(share4, numwant - take6));
      take6 = numwant - take4;
    }
    const { peers4, peers4Offset, peers6, peers6Offset } = reply;
    if (take4 > 0) {
      reply.count4 = this.#pick(
        record,
        PeerKind.seeders4,
        take4,
        query,
        self4,
        peers4,
        peers4Offset,
      );
    }
    if (take6 > 0) {
      reply.count6 = this.#pick(
        record,
        PeerKind.seeders6,
        take6,
        query,
        self6,
        peers6,
        peers6Offset,
      );
    }
  }

  #chooseWeb(record: number, query: PeerQuery, reply: AnnounceReply): void {
    const self = this.#sets.foundLeaf !== 0 && query.family === PeerFamily.web ? 1 : 0;
    const kind = PeerKind.seedersWeb;
    const take = Math.min(
      query.numwant,
      REPLY_PEERS_MAX,
      this.#available(record, kind, query, self),
    );
    if (take <= 0) return;
    reply.countWeb = this.#pick(record, kind, take, query, self, reply.webWords, 0);
  }

  /** Peers of a family that may be told; `seeders` is the kind of the family's seeders. */
  #available(record: number, seeders: number, query: PeerQuery, self: number): number {
    const set = this.#table.setOf(record, seeders);
    const leechers = this.#records[set + 3];
    if (query.seeder) return leechers;
    if (query.partialSeed) return leechers - self;
    return this.#records[set + 1] + leechers - self;
  }

  /** Copies `take` peers of one family: as many seeders as is fair, at least a quarter of each role. */
  #pick(
    record: number,
    kind: number,
    take: number,
    query: PeerQuery,
    self: number,
    out: Uint16Array,
    at: number,
  ): number {
    const words = wordsOf(kind);
    const set = this.#table.setOf(record, kind);
    let fromSeeders = 0;
    if (!query.seeder && !query.partialSeed) {
      const seeders = this.#records[set + 1];
      // A peer that found no room to move to its new role still stands among the seeders.
      const leechers = Math.max(0, this.#records[set + 3] - self);
      const quarter = take >>> 2;
      // Rounded at random: a client that wants one peer must meet both roles sooner or later.
      const share = (take * seeders) / (seeders + leechers);
      const fair = Math.floor(share + this.#sampler.below(1_024) / 1_024);
      fromSeeders = Math.max(fair, Math.min(seeders, quarter));
      fromSeeders = Math.min(fromSeeders, take - Math.min(leechers, quarter), seeders);
      fromSeeders = Math.min(take, Math.max(fromSeeders, take - leechers));
    }
    const { foundLeaf, foundSlot } = this.#sets;
    const sampler = this.#sampler;
    const count = sampler.sample(set, words, fromSeeders, out, at, foundLeaf, foundSlot);
    const rest = take - count;
    return (
      count + sampler.sample(set + 2, words, rest, out, at + count * words, foundLeaf, foundSlot)
    );
  }
}
