/**
 * A living crowd: clients announce over UDP, HTTP and WebSocket to whichever tracker they happen to
 * know, as real ones do, and go to another when theirs does not answer.
 */
import type { EventName } from '../client/tracker-answer.js';
import { announce } from '../client/tracker-client.js';
import { Agenda } from './agenda.js';
import type { DemoTracker } from './demo-cluster.js';
import { type Peer, SwarmLife } from './swarm-life.js';
import { WebVoice } from './web-voice.js';

const TICK_MS = 50;
/** All come within this time. */
const GATHER_MS = 4_000;
const ANSWER_MS_MAX = 2_000;
/** Who got no answer asks another tracker after about so long. */
const RETRY_MS = 1_000;
/** Announces under way; further ones wait for the next tick. */
const PENDING_MAX = 256;
/** After a peer left, somebody else comes within this time. */
const GAP_MS = 4_000;
/** A web peer asks again when its connection should be there. */
const OPENING_MS = 250;

export interface CrowdOptions {
  readonly peers: number;
  /** Announces a second. */
  readonly rate: number;
  readonly seed: number;
}

interface Member {
  peer: Peer;
  tracker: number;
  hasStarted: boolean;
  web: WebVoice | undefined;
}

/** A client that is to come. */
const NEWCOMER = Symbol('newcomer');

export class DemoCrowd {
  /** Announces that were answered, and that were not. */
  answered = 0;
  failed = 0;
  readonly #members = new Set<Member>();
  readonly #options: CrowdOptions;
  readonly #trackers: readonly DemoTracker[];
  readonly #life: SwarmLife;
  readonly #intervalMs: number;
  readonly #agenda: Agenda<Member | typeof NEWCOMER>;
  #pending = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CrowdOptions, trackers: readonly DemoTracker[]) {
    this.#options = options;
    this.#trackers = trackers;
    this.#life = new SwarmLife(options.seed);
    this.#intervalMs = (1000 * options.peers) / options.rate;
    this.#agenda = new Agenda(TICK_MS, performance.now());
  }

  /** Clients that are there now. */
  get size(): number {
    return this.#members.size;
  }

  get infoHashes(): readonly Uint8Array[] {
    return this.#life.hashes;
  }

  start(): void {
    const nowMs = performance.now();
    for (let i = 0; i < this.#options.peers; i++) {
      this.#agenda.add(this.#newMember(nowMs, true), nowMs + this.#life.below(GATHER_MS));
    }
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const { web } of this.#members) web?.close();
    this.#members.clear();
  }

  #newMember(nowMs: number, isUnderWay: boolean): Member {
    const tracker = this.#life.below(this.#trackers.length);
    const peer = this.#life.arrive(nowMs, isUnderWay);
    return { peer, tracker, hasStarted: false, web: undefined };
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const item of this.#agenda.take(nowMs)) {
      if (item === NEWCOMER) this.#act(this.#newMember(nowMs, false), nowMs);
      else if (this.#pending >= PENDING_MAX) this.#agenda.add(item, nowMs + TICK_MS);
      else this.#act(item, nowMs);
    }
  }

  #act(member: Member, nowMs: number): void {
    this.#members.add(member);
    const { peer } = member;
    let event: EventName = member.hasStarted ? 'none' : 'started';
    if (member.hasStarted && nowMs >= peer.leavesMs) event = 'stopped';
    else if (member.hasStarted && !peer.isSeeder && nowMs >= peer.completesMs) event = 'completed';
    if (peer.protocol === 'web') this.#sayOverWeb(member, event, nowMs);
    else void this.#ask(member, peer.protocol, event);
  }

  async #ask(member: Member, protocol: 'udp' | 'http', event: EventName): Promise<void> {
    const { peer } = member;
    const urls = this.#trackers[member.tracker][protocol];
    this.#pending++;
    try {
      await announce(urls[peer.port % urls.length], {
        infoHash: peer.infoHash,
        peerId: peer.peerId,
        port: peer.port,
        left: peer.isSeeder || event === 'completed' ? 0 : 1_000_000,
        event,
        timeoutMs: ANSWER_MS_MAX,
      });
      this.answered++;
      this.#goOn(member, event);
    } catch {
      this.failed++;
      this.#goElsewhere(member);
    } finally {
      this.#pending--;
    }
  }

  #sayOverWeb(member: Member, event: EventName, nowMs: number): void {
    const { peer } = member;
    if (member.web === undefined) {
      const web = new WebVoice(this.#trackers[member.tracker].web, peer, {
        onReply: () => this.answered++,
        onClose: () => {
          if (member.web === web) this.#goElsewhere(member);
        },
      });
      member.web = web;
    }
    if (member.web.isOpening) {
      this.#agenda.add(member, nowMs + OPENING_MS);
      return;
    }
    // One that did not open is told of by its end.
    if (!member.web.isOpen) return;
    member.web.announce(
      peer.isSeeder || event === 'completed',
      event === 'none' ? undefined : event,
    );
    this.#goOn(member, event);
  }

  #goOn(member: Member, event: EventName): void {
    if (!this.#members.has(member)) return;
    const nowMs = performance.now();
    const { peer } = member;
    if (event === 'stopped') {
      this.#members.delete(member);
      const { web } = member;
      member.web = undefined;
      web?.close();
      this.#agenda.add(NEWCOMER, nowMs + this.#life.below(GAP_MS));
      return;
    }
    if (event === 'started') member.hasStarted = true;
    if (event === 'completed') peer.isSeeder = true;
    const news = peer.isSeeder ? peer.leavesMs : peer.completesMs;
    const jitter = 0.9 + this.#life.below(200) / 1_000;
    this.#agenda.add(member, Math.min(news, nowMs + jitter * this.#intervalMs));
  }

  /** To another tracker, where there is one, as a client does that has several addresses of a name. */
  #goElsewhere(member: Member): void {
    if (!this.#members.has(member)) return;
    member.web = undefined;
    // The other one may not know it: it begins anew.
    member.hasStarted = false;
    member.tracker =
      (member.tracker + 1 + this.#life.below(this.#trackers.length - 1)) % this.#trackers.length;
    this.#agenda.add(member, performance.now() + RETRY_MS + this.#life.below(RETRY_MS));
  }
}
