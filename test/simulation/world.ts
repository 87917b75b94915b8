/**
 * A cluster in simulated time: clients announce, the network and the machines fail as the scenario
 * says, then all is well and time runs on until every tracker holds the same.
 */
import { MemoryBus } from '../../src/cluster/memory-bus.js';
import { Prng } from '../../src/lib/prng.js';
import { Oracle } from './oracle.js';
import type { SavedState } from './saved-state.js';
import { isKnowable, type Scenario } from './scenario.js';
import { SimClock } from './sim-clock.js';
import { type OriginOrder, SimNode } from './sim-node.js';
import { SimEvent } from './sim-peer.js';

/** How often the replicators tick. */
const STEP_MS = 10;
const CALM_STEP_MS = 20;
/** Clocks that are minutes apart take as long as that to be forgotten. */
const CALM_MS_MAX = 300_000;
const LOOK_MS = 500;
/** How long agreement must last. */
const LASTING_MS = 3_000;
const LOG_LINES_MAX = 40;
/** Announces of a burst: more than a small change ring holds. */
const BURST = 60;

const EVENTS = [
  SimEvent.leech,
  SimEvent.leech,
  SimEvent.seed,
  SimEvent.complete,
  SimEvent.pause,
  SimEvent.stop,
  SimEvent.stop,
] as const;

/** One machine: its clock and disk outlive what runs on it. */
interface Machine {
  readonly id: string;
  readonly clock: SimClock;
  node: SimNode | undefined;
  saved: SavedState | undefined;
  connected: boolean;
  /** Until when it stands still. */
  frozenToMs: number;
  /** Until when its bus carries nothing. */
  muteToMs: number;
}

export interface RunResult {
  /** What is wrong; empty when all is well. */
  readonly failures: readonly string[];
  /** Simulated time until all agreed, after the trouble had ended. */
  readonly calmMs: number;
  readonly announces: number;
  readonly log: readonly string[];
}

export interface RunOptions {
  /** Replaces the merge rule's order of origins, for tests that want to see a run fail. */
  readonly order?: OriginOrder;
  /** Simulated time in which a cluster without faults must agree. */
  readonly calmMsMax?: number;
}

/** Runs a scenario. */
export function simulate(scenario: Scenario, options: RunOptions = {}): RunResult {
  return new World(scenario, options).run();
}

class World {
  nowMs = 0;
  readonly #scenario: Scenario;
  readonly #order: OriginOrder | undefined;
  readonly #calmMsMax: number;
  readonly #random: Prng;
  readonly #bus: MemoryBus;
  readonly #oracle = new Oracle();
  readonly #machines: Machine[];
  readonly #log: string[] = [];
  #trouble = true;
  #announces = 0;

  constructor(scenario: Scenario, { order, calmMsMax = CALM_MS_MAX }: RunOptions) {
    this.#scenario = scenario;
    this.#order = order;
    this.#calmMsMax = calmMsMax;
    this.#random = new Prng(scenario.seed ^ 0x5bd1e995);
    this.#bus = new MemoryBus({
      delivery: () => this.#deliver(),
      damage: (subject, payload) => this.#damage(subject, payload),
      confirmMs: 2,
    });
    this.#machines = Array.from({ length: scenario.nodes }, () => ({
      id: `n${this.#hex()}${this.#hex()}`,
      clock: new SimClock(
        this,
        Math.round((this.#random.next() / 2 ** 32 - 0.5) * scenario.skewMs),
      ),
      node: undefined,
      saved: undefined,
      connected: true,
      frozenToMs: 0,
      muteToMs: 0,
    }));
    for (const machine of this.#machines) this.#boot(machine);
  }

  run(): RunResult {
    while (this.nowMs < this.#scenario.troubleMs) {
      this.#makeTrouble();
      this.#letClientsAnnounce();
      this.#step(STEP_MS);
    }
    this.#endTrouble();
    const calmFromMs = this.nowMs;
    this.#waitForExpiry();
    this.#waitForAgreement();
    const calmMs = this.nowMs - calmFromMs;
    const failures = this.#failures();
    return { failures, calmMs, announces: this.#announces, log: this.#log };
  }

  #hex(): string {
    return this.#random.next().toString(16).padStart(8, '0');
  }

  #deliver(): readonly number[] {
    const random = this.#random;
    if (!this.#trouble) return [1 + random.below(4)];
    const { delayMsMax, drop, duplicate } = this.#scenario.network;
    const delay = () => 1 + random.below(delayMsMax);
    if (random.chance(drop)) return [];
    return random.chance(duplicate) ? [delay(), delay()] : [delay()];
  }

  /** Heartbeats have no checksum of their own: on a real bus, TLS has one. */
  #damage(subject: string, payload: Uint8Array): Uint8Array {
    const random = this.#random;
    if (!this.#trouble || subject.startsWith('hb.')) return payload;
    if (!random.chance(this.#scenario.network.damage)) return payload;
    const damaged = payload.slice();
    damaged[random.below(damaged.length)] ^= 1 + random.below(255);
    return damaged;
  }

  #boot(machine: Machine): void {
    const { id, clock, saved } = machine;
    machine.connected = true;
    machine.frozenToMs = 0;
    machine.node = new SimNode(
      { id, scenario: this.#scenario, saved, order: this.#order },
      {
        bus: this.#bus,
        clock,
        oracle: this.#oracle,
        random: this.#random,
        say: (line) => this.#say(line),
      },
    );
  }

  #say(line: string): void {
    this.#log.push(`${this.nowMs} ${line}`);
    if (this.#log.length > LOG_LINES_MAX) this.#log.shift();
  }

  /** True about once in so many ms. */
  #isTimeFor(meanMs: number): boolean {
    return meanMs > 0 && this.#random.chance(STEP_MS / meanMs);
  }

  #makeTrouble(): void {
    const { partitionMs, disconnectMs, freezeMs, crashMs, clockJumpMs, skewMs, muteMs } =
      this.#scenario;
    const random = this.#random;
    const pick = () => this.#machines[random.below(this.#machines.length)];
    if (this.#isTimeFor(partitionMs)) {
      if (random.chance(0.4)) this.#bus.heal();
      else {
        const groups: string[][] = [[], []];
        for (const { id } of this.#machines) groups[random.below(2)].push(id);
        this.#bus.partition(groups);
      }
      this.#say('partitioned or healed');
    }
    if (this.#isTimeFor(disconnectMs)) {
      const machine = pick();
      machine.connected = !machine.connected;
      const isAwake = machine.frozenToMs === 0;
      this.#bus.setConnected(machine.id, machine.connected && isAwake);
      this.#say(`${machine.id} ${machine.connected ? 'connected' : 'disconnected'}`);
    }
    if (this.#isTimeFor(freezeMs)) this.#freeze(pick());
    if (this.#isTimeFor(muteMs)) this.#mute(pick());
    if (this.#isTimeFor(crashMs)) {
      const machine = pick();
      if (machine.node === undefined) this.#boot(machine);
      else this.#crash(machine);
      this.#say(`${machine.id} ${machine.node === undefined ? 'crashed' : 'restarted'}`);
    }
    if (crashMs > 0 && this.#isTimeFor(crashMs / 2)) {
      const machine = pick();
      machine.saved = machine.node?.save() ?? machine.saved;
    }
    if (this.#isTimeFor(clockJumpMs)) {
      pick().clock.skewMs = Math.round((random.next() / 2 ** 32 - 0.5) * Math.max(skewMs, 2_000));
    }
  }

  /** A node that stands still loses its connection: the bus does not wait for who does not read. */
  #freeze(machine: Machine): void {
    if (machine.node === undefined || !machine.connected) return;
    machine.frozenToMs = this.nowMs + 500 + this.#random.below(4_000);
    this.#bus.setConnected(machine.id, false);
    this.#say(`${machine.id} stands still`);
  }

  #thaw(machine: Machine): void {
    if (machine.frozenToMs === 0) return;
    machine.frozenToMs = 0;
    if (machine.node !== undefined && machine.connected) this.#bus.setConnected(machine.id, true);
    this.#say(`${machine.id} goes on`);
  }

  /** The machine's way to the bus is stuck, and nobody says so. */
  #mute(machine: Machine): void {
    machine.muteToMs = this.nowMs + 500 + this.#random.below(7_000);
    this.#bus.setMute(machine.id, true);
    this.#say(`${machine.id} hears and says nothing`);
  }

  #unmute(machine: Machine): void {
    if (machine.muteToMs === 0) return;
    machine.muteToMs = 0;
    this.#bus.setMute(machine.id, false);
    this.#say(`${machine.id} hears again`);
  }

  #crash(machine: Machine): void {
    machine.node = undefined;
    // Whoever joins under its name later is another one; until then nobody is there.
    this.#bus.join(machine.id).close();
  }

  #letClientsAnnounce(): void {
    const { announcesPerSecond, burstMs, swarms, peers, conflicts } = this.#scenario;
    const random = this.#random;
    const burst = this.#isTimeFor(burstMs) ? BURST : 0;
    for (let left = burst + (announcesPerSecond * STEP_MS) / 1_000; left > 0; left--) {
      if (left < 1 && !random.chance(left)) break;
      const peer = { swarm: random.below(swarms), peer: random.below(peers) };
      const times = random.chance(conflicts) ? this.#machines.length : 1;
      for (let i = 0; i < times; i++) {
        const { node, frozenToMs } = this.#machines[random.below(this.#machines.length)];
        if (node === undefined || frozenToMs > 0) continue;
        node.announce(peer, EVENTS[random.below(EVENTS.length)], random.below(2));
        this.#announces++;
      }
    }
  }

  #endTrouble(): void {
    const { dies, crashMs } = this.#scenario;
    this.#trouble = false;
    this.#bus.heal();
    for (const machine of this.#machines) {
      if (dies && crashMs > 0 && machine === this.#machines[0]) {
        this.#crash(machine);
        continue;
      }
      this.#thaw(machine);
      this.#unmute(machine);
      if (machine.node === undefined) this.#boot(machine);
      if (!machine.connected) this.#bus.setConnected(machine.id, true);
      machine.connected = true;
    }
    this.#say('the trouble has ended');
  }

  #step(ms: number): void {
    const second = Math.floor(this.nowMs / 1_000);
    this.nowMs += ms;
    this.#bus.advance(this.nowMs);
    const isSecond = Math.floor(this.nowMs / 1_000) !== second;
    for (const machine of this.#machines) {
      if (machine.muteToMs <= this.nowMs) this.#unmute(machine);
      if (machine.frozenToMs > this.nowMs) continue;
      this.#thaw(machine);
      machine.node?.tick();
      if (isSecond) machine.node?.expire();
    }
  }

  #wait(ms: number): void {
    for (let left = ms; left > 0; left -= CALM_STEP_MS) this.#step(CALM_STEP_MS);
  }

  get #nodes(): SimNode[] {
    return this.#machines.flatMap(({ node }) => node ?? []);
  }

  /** Peers that are about to expire do so on each tracker at another time: wait until all have. */
  #waitForExpiry(): void {
    const { peerTtlSeconds, intervalSeconds, limits } = this.#scenario;
    // The web peers of one that died go a moment after it is found to be silent.
    this.#wait(limits.silentMs + 1_000);
    if (peerTtlSeconds < 1_000) this.#wait(1_000 * (peerTtlSeconds + intervalSeconds + 5));
  }

  /** Waits until all agree and go on agreeing: counts that move can be equal for a moment. */
  #waitForAgreement(): void {
    let agreedMs = 0;
    for (let left = this.#calmMsMax; left > 0; left -= LOOK_MS) {
      this.#wait(LOOK_MS);
      agreedMs = this.#agree() ? agreedMs + LOOK_MS : 0;
      if (agreedMs > LASTING_MS) return;
    }
  }

  #agree(): boolean {
    const [first, ...others] = this.#nodes;
    const { root } = first;
    if (others.some((node) => node.root !== root)) return false;
    const downloads = first.downloads.join();
    return others.every((node) => node.downloads.join() === downloads);
  }

  #failures(): string[] {
    const failures: string[] = [];
    const [first, ...others] = this.#nodes;
    const compare = (what: string, found: readonly string[], expected: readonly string[]) => {
      const only = (a: readonly string[], b: readonly string[]) =>
        a.filter((line) => !b.includes(line)).slice(0, 5);
      const more = only(found, expected);
      const less = only(expected, found);
      if (more.length + less.length === 0) return;
      failures.push(`${what}: has [${more.join('; ')}], lacks [${less.join('; ')}]`);
    };
    for (const node of this.#nodes) {
      if (node.root === node.recomputedRoot) continue;
      failures.push(`${node.id}: digest ${node.root} of peers that give ${node.recomputedRoot}`);
    }
    for (const node of others) {
      compare(`peers of ${node.id} against ${first.id}`, node.peers, first.peers);
      compare(`downloads of ${node.id} against ${first.id}`, node.downloads, first.downloads);
      if (node.root !== first.root) failures.push(`${node.id}: digest unlike that of ${first.id}`);
    }
    // Whoever restarted after it took them has none of them.
    const runs = new Set(this.#nodes.map(({ id, webEpoch }) => `${id} ${webEpoch}`));
    for (const node of this.#nodes) {
      const gone = [...node.webHolders].filter((holder) => !runs.has(holder));
      if (gone.length > 0) failures.push(`${node.id}: web peers of ${gone.join(', ')}`);
    }
    const invented = this.#oracle.invented(first.peers);
    if (invented.length > 0) failures.push(`nobody announced ${invented.join('; ')}`);
    const exaggerated = this.#oracle.exaggerated(first.downloads);
    if (exaggerated.length > 0) failures.push(`too many downloads: ${exaggerated.join('; ')}`);
    if (isKnowable(this.#scenario)) {
      compare(`peers of ${first.id} against the oracle`, first.peers, this.#oracle.peers);
      compare(
        `downloads of ${first.id} against the oracle`,
        first.downloads,
        this.#oracle.downloads,
      );
    }
    return failures;
  }
}
