import { describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { AnnounceReply } from '../protocol/announce.js';
import { Expiry } from '../swarm/expiry.js';
import { Global, reserveStore } from '../swarm/layout.js';
import { PEER_LIFE_SECONDS_MAX } from '../swarm/peer-age.js';
import { PeerQuery } from '../swarm/query.js';
import { reserveReplication } from '../swarm/replication-memory.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { storeTotals } from '../swarm/totals.js';
import { PeerLife, type PeerLifeOptions } from './peer-life.js';

const OPTIONS: PeerLifeOptions = { intervalSeconds: 10, peerTtlSeconds: 15, intervalJitter: 0.1 };
const JOINED: PeerLifeOptions = { ...OPTIONS, remoteTtlSeconds: 26 };

function fixture(options = OPTIONS) {
  const control = new Int32Array(256);
  const clock = new ManualClock();
  const life = new PeerLife(options, { control, clock });
  const lives = () => {
    life.update();
    return [control[Global.peerTtlSeconds], control[Global.remoteTtlSeconds]];
  };
  return { life, clock, lives, control };
}

/** A store of a tracker alone or in a cluster, with its keeper's expiry. */
function stored(options: PeerLifeOptions) {
  const limits = { peersMax: 1_000, swarmsMax: 1_000, shards: 4 };
  const { remoteTtlSeconds, peerTtlSeconds } = options;
  const replication =
    remoteTtlSeconds === undefined
      ? undefined
      : reserveReplication({
          limits,
          threads: 1,
          digestKey: new Uint8Array(16),
          tombstonesMax: 64,
          ringRecords: 64,
          peerTtlSeconds,
          remoteExtraSeconds: remoteTtlSeconds - peerTtlSeconds,
        });
  const memory = { ...reserveStore(limits), ...(replication === undefined ? {} : { replication }) };
  const store = new SwarmStore(memory, { thread: 1, seed: 1 });
  const clock = new ManualClock();
  const life = new PeerLife(options, { control: store.control, clock });
  const expiry = new Expiry(store, { peerTtlSeconds, emptySwarmSeconds: 1 });
  const query = new PeerQuery();
  const reply = new AnnounceReply();
  const announce = (port: number) => {
    store.setTime(clock.seconds, clock.epochMs);
    query.wireBytes.set([10, 0, 0, 1, 0, port]);
    store.announce(query, reply);
  };
  const peers = () => {
    store.setTime(clock.seconds, clock.epochMs);
    life.update();
    for (let pass = 0; pass < 2; pass++) while (expiry.step(100));
    return storeTotals(store).peers;
  };
  return { life, clock, announce, peers };
}

describe('the life of peers', () => {
  it('is as configured while nobody was told a longer interval', () => {
    const { life, lives } = fixture();
    expect(lives()).toEqual([15, 0]);
    life.told(10);
    life.told(3);
    expect(lives()).toEqual([15, 0]);
    const joined = fixture(JOINED);
    joined.life.told(10);
    expect(joined.lives()).toEqual([15, 26]);
  });

  it('follows a longer one at once, copies by an interval more', () => {
    const { life, lives } = fixture(JOINED);
    life.told(100);
    expect(lives()).toEqual([150, 261]);
  });

  it('keeps to a proportion that the operator chose smaller', () => {
    const { life, lives } = fixture({ ...OPTIONS, peerTtlSeconds: 12 });
    life.told(100);
    expect(lives()[0]).toBe(120);
  });

  it('shrinks step by step, as soon as each interval had its time', () => {
    const { life, clock, lives } = fixture();
    life.told(100);
    clock.advance(50);
    life.told(40);
    clock.advance(10);
    life.told(10);
    expect(lives()[0]).toBe(150);
    clock.advance(90);
    expect(lives()[0], 'the last second of those told 100').toBe(150);
    clock.advance(1);
    expect(lives()[0], '40 was told 101 s ago, and lives 60').toBe(15);
    life.told(40);
    expect(lives()[0]).toBe(60);
  });

  it('counts what others told from when they did, however often it is passed on', () => {
    const { life, clock, lives } = fixture();
    life.told(100, 140);
    expect(lives()[0]).toBe(150);
    expect(life.longest).toEqual({ intervalSeconds: 100, ageSeconds: 140 });
    clock.advance(5);
    life.told(100, 145);
    clock.advance(6);
    life.told(100, 151);
    expect(lives()[0]).toBe(15);
    expect(life.longest).toBeUndefined();
  });

  it('is bounded, whatever is told', () => {
    const { life, lives } = fixture(JOINED);
    for (const odd of [Number.NaN, -1, 0, 0.5]) life.told(odd);
    life.told(100, -5);
    expect(life.longest).toBeUndefined();
    life.told(1e15);
    const [peer, remote] = lives();
    expect(peer).toBe(43_200);
    expect(remote).toBe(PEER_LIFE_SECONDS_MAX);
  });

  it('keeps few intervals, and none of those left out ends a life early', () => {
    const { life, clock, lives } = fixture();
    // Each shorter than the one before: none says it all for another.
    for (let interval = 2_000; interval > 1_000; interval--) {
      life.told(interval);
      clock.advance(1);
    }
    clock.advance(1_400);
    expect(lives()[0], '1001 was told 1401 s ago, and lives 1502').toBeGreaterThanOrEqual(1_502);
  });

  it.each([
    ['alone', OPTIONS],
    ['of a cluster', JOINED],
  ])('of a tracker %s: who was told 100 s is still there when due, back at 10 s', (_, options) => {
    const { life, clock, announce, peers } = stored(options);
    life.told(100);
    life.update();
    announce(1);
    clock.advance(1);
    // From here on all are told 10 s.
    for (let second = 1; second <= 109; second++) {
      life.told(10);
      if (second % 10 === 0) announce(2);
      expect(peers(), `second ${second}`).toBe(second < 10 ? 1 : 2);
      clock.advance(1);
    }
    clock.advance(300);
    announce(3);
    expect(peers(), 'in the end short lives are back').toBe(1);
    clock.advance(16);
    expect(peers()).toBe(0);
  });
});
