/**
 * Answers WebTorrent clients, and passes their offers and answers on. No sockets.
 *
 * ```
 *  maker                      its tracker              tracker of the other       the other
 *    | announce, offers           |                             |                     |
 *    |--------------------------->| made: maker, offer id       |                     |
 *    |                            |-- offer ------------------->| given: other, maker |
 *    |                            |                             |-------------------->|
 *    |                            |                             |<------------ answer |
 *    |<---------------------------|<-------------------- answer | given taken out     |
 *    |                made taken out
 * ```
 *
 * The two trackers are one where both peers are here. An answer that finds no entry is dropped, so
 * nobody is told of a peer that it did not ask for; and nobody can answer in the place of another,
 * since an entry names the one connection that it is for.
 */
import type { WebSocketHandler, WebSocketPeer } from '../frontend/websocket/web-socket-handler.js';
import type { Clock } from '../lib/clock.js';
import {
  AnnounceEvent,
  AnnounceReply,
  AnnounceRequest,
  ScrapeEntry,
} from '../protocol/announce.js';
import type { Signal } from '../protocol/cluster/signal.js';
import { Failure } from '../protocol/failure.js';
import { readBinaryText, writeBinaryText } from '../protocol/webtorrent/binary-text.js';
import { WebReply } from '../protocol/webtorrent/reply.js';
import {
  decodeWebRequest,
  type WebAnnounce,
  type WebAnswer,
  type WebRefused,
  type WebScrape,
} from '../protocol/webtorrent/request.js';
import { isSessionText, sessionText } from '../protocol/webtorrent/session-text.js';
import { WEB_WIRE_BYTES } from '../swarm/web-wire.js';
import { TrackerCounter } from './counters.js';
import { newHolder, type OfferHolder, OfferKey, OfferTable } from './offer-table.js';
import { RelayBudget } from './relay-budget.js';
import type { Tracker } from './tracker.js';
import { type WebOrigin, WebVoice, webPeerNumber } from './web-voice.js';

export interface WebHandlerOptions {
  readonly origin: WebOrigin;
  /** The number of this thread, at most WEB_THREAD_MAX. */
  readonly thread: number;
  /** The longest interval that web peers are told. */
  readonly intervalSecondsMax: number;
  /** Info hashes that one scrape may ask for; more are not answered. */
  readonly scrapeHashesMax: number;
  /** Swarms that one connection may be in. */
  readonly subscriptionsMax: number;
  /** Bytes of descriptions a second that one connection may have passed on, on average. */
  readonly relayBytesPerSecond: number;
  /** Offers that wait for an answer: made by peers of this thread, and as many given to them. */
  readonly offersMax: number;
}

export interface WebHandlerDependencies {
  readonly tracker: Tracker;
  readonly clock: Clock;
  readonly counts: Float64Array;
  /** Brings a signal to the one it is for, wherever that is: here too (`take`). */
  readonly route: (signal: Signal) => void;
  /** Does `work` in a later turn, when others had theirs. */
  readonly later: (work: () => void) => void;
}

/** Peer ids that may share a connection; one in no swarm makes room for another. */
export const VOICES_MAX = 8;
/**
 * Of one connection, made and given each; more take the place of its oldest. A client with hundreds of
 * swarms makes so many at its start.
 */
export const OFFERS_PER_CONNECTION_MAX = 1_024;
/** Swarms that are left in one turn, of connections that ended: others wait meanwhile. */
export const STOPS_PER_TURN = 256;

/** What is known of a connection that announced something. */
interface Client {
  readonly voices: WebVoice[];
  readonly budget: RelayBudget;
  /** Offers of its own that may still be answered, and those that it was given. */
  readonly made: OfferHolder;
  readonly given: OfferHolder;
  /** Swarms that all its voices are in. */
  swarms: number;
}

/** A voice and whom to tell what it is to hear. */
interface Seat {
  readonly voice: WebVoice;
  readonly peer: WebSocketPeer;
  readonly client: Client;
}

export class WebHandler implements WebSocketHandler {
  readonly #options: WebHandlerOptions;
  readonly #tracker: Tracker;
  readonly #clock: Clock;
  readonly #counts: Float64Array;
  readonly #route: (signal: Signal) => void;
  readonly #later: (work: () => void) => void;
  readonly #clients = new Map<WebSocketPeer, Client>();
  readonly #seats = new Map<number, Seat>();
  /** Voices of connections that ended, which have swarms to leave. Their numbers are not free yet. */
  readonly #leaving = new Map<number, WebVoice>();
  readonly #made: OfferTable;
  readonly #given: OfferTable;
  readonly #key = new OfferKey();
  readonly #request = new AnnounceRequest();
  readonly #reply = new AnnounceReply();
  /** The web peers of the reply, as bytes. */
  readonly #web = Buffer.from(this.#reply.web.buffer);
  readonly #said = new WebReply();
  readonly #entry = new ScrapeEntry();
  readonly #hashes: Uint8Array;
  #count = 0;
  #seconds = 0;
  /** Swarms left in this turn. */
  #stops = 0;
  #isWaiting = false;

  constructor(options: WebHandlerOptions, dependencies: WebHandlerDependencies) {
    this.#options = options;
    this.#tracker = dependencies.tracker;
    this.#clock = dependencies.clock;
    this.#counts = dependencies.counts;
    this.#route = dependencies.route;
    this.#later = dependencies.later;
    const perHolderMax = OFFERS_PER_CONNECTION_MAX;
    const bounds = { offersMax: options.offersMax, perHolderMax };
    this.#made = new OfferTable(bounds);
    this.#given = new OfferTable(bounds);
    this.#hashes = new Uint8Array(20 * Math.max(1, options.scrapeHashesMax));
  }

  get draining(): boolean {
    return this.#tracker.draining;
  }

  /** Web peers here, each a peer id on a connection. */
  get voices(): number {
    return this.#seats.size;
  }

  beginBatch(): void {
    this.#tracker.beginBatch();
    const seconds = this.#clock.monotonicSeconds();
    if (seconds === this.#seconds) return;
    this.#seconds = seconds;
    this.#made.expire(seconds);
    this.#given.expire(seconds);
    this.#counts[TrackerCounter.webOffersExpired] = this.#made.expired;
    this.#counts[TrackerCounter.webOffersEvicted] = this.#made.evicted + this.#given.evicted;
  }

  heard(peer: WebSocketPeer, bytes: Buffer): void {
    const request = decodeWebRequest(bytes, this.#options.scrapeHashesMax);
    if (request.kind === 'announce') this.#announce(peer, request);
    else if (request.kind === 'answer') this.#answer(peer, request);
    else if (request.kind === 'scrape') this.#scrape(peer, request);
    else this.#refuse(peer, request);
  }

  isInUse(peer: WebSocketPeer): boolean {
    return (this.#clients.get(peer)?.swarms ?? 0) > 0;
  }

  closed(peer: WebSocketPeer): void {
    const client = this.#clients.get(peer);
    if (client === undefined) return;
    this.#clients.delete(peer);
    this.#made.forget(client.made);
    this.#given.forget(client.given);
    for (const voice of client.voices) {
      this.#counts[TrackerCounter.webDepartures] += voice.swarms.size;
      this.#seats.delete(voice.number);
      this.#leaving.set(voice.number, voice);
    }
    this.#leave(STOPS_PER_TURN);
    this.#waitForTurn();
  }

  /** Leaves all swarms of connections that ended, at once. */
  finish(): void {
    this.beginBatch();
    this.#leave(Number.POSITIVE_INFINITY);
  }

  /**
   * Takes a signal for a web peer of this thread. Whoever calls has made sure that `from` speaks for
   * itself. `beginBatch` was called.
   */
  take(signal: Signal, number: number): void {
    const seat = this.#seats.get(number);
    if (seat?.voice.wireText !== signal.to) this.#lose(signal);
    else if (signal.what === 'offer') this.#takeOffer(seat, signal);
    else this.#takeAnswer(seat, signal);
  }

  /** After a turn in which swarms were left there is another. */
  #waitForTurn(): void {
    if (this.#stops === 0 || this.#isWaiting) return;
    this.#isWaiting = true;
    this.#later(this.#nextTurn);
  }

  readonly #nextTurn = (): void => {
    this.#isWaiting = false;
    this.#stops = 0;
    if (this.#leaving.size === 0) return;
    this.beginBatch();
    this.#leave(STOPS_PER_TURN);
    this.#waitForTurn();
  };

  /** Leaves swarms, until `stopsMax` were left in this turn. */
  #leave(stopsMax: number): void {
    for (const [number, voice] of this.#leaving) {
      for (const infoHash of voice.swarms) {
        if (this.#stops >= stopsMax) return;
        this.#stops++;
        voice.swarms.delete(infoHash);
        this.#stop(voice, infoHash);
      }
      this.#leaving.delete(number);
    }
  }

  #announce(peer: WebSocketPeer, announce: WebAnnounce): void {
    const { infoHash, event, offers } = announce;
    this.#counts[TrackerCounter.webAnnounces]++;
    if (event === AnnounceEvent.stopped) {
      this.#announceStop(peer, announce);
      return;
    }
    const client = this.#clients.get(peer);
    let voice = client === undefined ? undefined : voiceOf(client, announce.peerId);
    const failure = this.#admit(client, voice, infoHash);
    if (failure !== Failure.none) {
      this.#refuse(peer, { kind: 'refused', failure, action: 'announce', infoHash });
      return;
    }
    voice ??= this.#newVoice(announce.peerId);
    this.#setRequest(infoHash, event, announce.leftIsZero, offers.length);
    const denied = this.#tracker.announceWeb(
      this.#request,
      voice.wire,
      this.#options.intervalSecondsMax,
      this.#reply,
    );
    if (denied !== Failure.none) {
      this.#refuse(peer, { kind: 'refused', failure: denied, action: 'announce', infoHash });
      return;
    }
    const seated = this.#seat(peer, client, voice);
    if (!voice.swarms.has(infoHash)) {
      seated.swarms++;
      voice.swarms.add(infoHash);
    }
    this.#send(peer, this.#said.announce(infoHash, this.#reply));
    if (offers.length > 0) this.#passOffers(seated, voice, announce);
  }

  /** Whether there is room for a swarm of a voice; both may be new. */
  #admit(client: Client | undefined, voice: WebVoice | undefined, infoHash: string): Failure {
    if (client === undefined || voice?.swarms.has(infoHash) === true) return Failure.none;
    const isFull = voice === undefined && !hasRoom(client) && idleVoice(client) === undefined;
    const { subscriptionsMax } = this.#options;
    return isFull || client.swarms >= subscriptionsMax ? Failure.swarmsTooMany : Failure.none;
  }

  /** Tells those that the store found of as many offers. */
  #passOffers(client: Client, voice: WebVoice, { infoHash, offers, bytes }: WebAnnounce): void {
    const count = Math.min(this.#reply.countWeb, offers.length);
    const { peerId, wireText: from } = voice;
    // Read before anything is routed, which may announce in its turn.
    const targets: string[] = [];
    for (let i = 0; i < count; i++) {
      targets.push(readBinaryText(this.#web, WEB_WIRE_BYTES * i, WEB_WIRE_BYTES));
    }
    for (let i = 0; i < count; i++) {
      const { offerId, start, end } = offers[i];
      const text = sessionText(bytes, start, end);
      if (text === undefined || !client.budget.take(end - start, this.#seconds)) {
        this.#counts[TrackerCounter.webSignalsOverBudget]++;
        continue;
      }
      const to = targets[i];
      const key = this.#key.set(voice.number, infoHash, offerId);
      this.#made.put(key, client.made, to, this.#seconds);
      this.#counts[TrackerCounter.webOffersMade]++;
      this.#route({ what: 'offer', infoHash, from, to, peerId, offerId, text });
    }
  }

  #announceStop(peer: WebSocketPeer, { infoHash, peerId }: WebAnnounce): void {
    this.#counts[TrackerCounter.webStops]++;
    const client = this.#clients.get(peer);
    const voice = client === undefined ? undefined : voiceOf(client, peerId);
    if (client !== undefined && voice?.swarms.delete(infoHash) === true) {
      client.swarms--;
      this.#stop(voice, infoHash);
    }
    // A stop is answered as a scrape would be; who was never here is not told more, nor stored.
    this.#look([infoHash]);
    this.#tracker.scraped(0, this.#entry);
    this.#reply.seeders = this.#entry.seeders;
    this.#reply.leechers = this.#entry.leechers;
    this.#reply.intervalSeconds = this.#interval();
    this.#send(peer, this.#said.announce(infoHash, this.#reply));
  }

  #answer(peer: WebSocketPeer, answer: WebAnswer): void {
    const { infoHash, peerId, toPeerId, offerId, text, textBytes } = answer;
    this.#counts[TrackerCounter.webAnswers]++;
    const client = this.#clients.get(peer);
    const voice = client === undefined ? undefined : voiceOf(client, peerId);
    const key = this.#key.set(voice?.number ?? 0, infoHash, offerId, toPeerId);
    const entry = voice === undefined ? -1 : this.#given.find(key, this.#seconds);
    const to = this.#given.other(entry);
    if (client === undefined || voice === undefined || to === undefined) {
      this.#counts[TrackerCounter.webAnswersRefused]++;
      return;
    }
    if (!client.budget.take(textBytes, this.#seconds)) {
      this.#counts[TrackerCounter.webSignalsOverBudget]++;
      return;
    }
    this.#given.remove(entry);
    this.#route({ what: 'answer', infoHash, from: voice.wireText, to, peerId, offerId, text });
  }

  #takeOffer({ voice, peer, client }: Seat, signal: Signal): void {
    const { infoHash, from, peerId, offerId } = signal;
    if (!voice.swarms.has(infoHash)) {
      this.#lose(signal);
      return;
    }
    // Offers of strangers must not fill what is kept for a client until it is cut off.
    if (peer.isBehind) {
      this.#counts[TrackerCounter.webOffersUnread]++;
      return;
    }
    const key = this.#key.set(voice.number, infoHash, offerId, peerId);
    // One that stands is not to be moved to another maker: ids are the makers' own choice.
    const standing = this.#given.find(key, this.#seconds);
    if (standing >= 0 && this.#given.other(standing) !== from) {
      this.#counts[TrackerCounter.webSignalsOverBudget]++;
      return;
    }
    this.#given.put(key, client.given, from, this.#seconds);
    this.#counts[TrackerCounter.webOffersDelivered]++;
    this.#send(peer, this.#said.session('offer', signal));
  }

  #takeAnswer({ voice, peer }: Seat, signal: Signal): void {
    const key = this.#key.set(voice.number, signal.infoHash, signal.offerId);
    const entry = this.#made.find(key, this.#seconds);
    if (this.#made.other(entry) !== signal.from) {
      this.#lose(signal);
      return;
    }
    this.#made.remove(entry);
    this.#counts[TrackerCounter.webAnswersDelivered]++;
    this.#send(peer, this.#said.session('answer', signal));
  }

  #send(peer: WebSocketPeer, { bytes, length }: WebReply): void {
    peer.send(bytes, length);
  }

  #lose({ what }: Signal): void {
    const { webOffersLost, webAnswersRefused } = TrackerCounter;
    this.#counts[what === 'offer' ? webOffersLost : webAnswersRefused]++;
  }

  #scrape(peer: WebSocketPeer, { infoHashes }: WebScrape): void {
    this.#counts[TrackerCounter.webScrapes]++;
    this.#look(infoHashes);
    const read = (i: number): ScrapeEntry => {
      this.#tracker.scraped(i, this.#entry);
      return this.#entry;
    };
    this.#send(peer, this.#said.scrape(infoHashes, read, this.#interval()));
  }

  #look(infoHashes: readonly string[]): void {
    for (const [i, infoHash] of infoHashes.entries()) {
      writeBinaryText(this.#hashes, 20 * i, infoHash);
    }
    this.#tracker.scrape(this.#hashes, 0, infoHashes.length);
  }

  #interval(): number {
    return this.#tracker.webIntervalSeconds(this.#options.intervalSecondsMax);
  }

  #refuse(peer: WebSocketPeer, refused: WebRefused): void {
    this.#counts[TrackerCounter.webFailures]++;
    if (refused.failure === Failure.notAllowed) this.#counts[TrackerCounter.webDenied]++;
    this.#send(peer, this.#said.failure(refused));
  }

  #setRequest(infoHash: string, event: AnnounceEvent, leftIsZero: boolean, numwant: number): void {
    const request = this.#request;
    writeBinaryText(request.infoHash, 0, infoHash);
    request.event = event;
    request.leftIsZero = leftIsZero;
    request.numwant = numwant;
  }

  #stop(voice: WebVoice, infoHash: string): void {
    this.#setRequest(infoHash, AnnounceEvent.stopped, false, 0);
    const { intervalSecondsMax } = this.#options;
    this.#tracker.announceWeb(this.#request, voice.wire, intervalSecondsMax, this.#reply);
  }

  #newVoice(peerId: string): WebVoice {
    const { thread, origin } = this.#options;
    let number: number;
    do number = webPeerNumber(thread, ++this.#count);
    while (this.#seats.has(number) || this.#leaving.has(number));
    return new WebVoice(peerId, number, origin);
  }

  /** The client of a voice that is in a swarm now. */
  #seat(peer: WebSocketPeer, known: Client | undefined, voice: WebVoice): Client {
    let client = known;
    if (client === undefined) {
      const budget = new RelayBudget(this.#options.relayBytesPerSecond, this.#seconds);
      client = { voices: [], budget, made: newHolder(), given: newHolder(), swarms: 0 };
      this.#clients.set(peer, client);
    }
    if (!client.voices.includes(voice)) {
      if (!hasRoom(client)) this.#unseat(client, idleVoice(client));
      client.voices.push(voice);
      this.#seats.set(voice.number, { voice, peer, client });
    }
    return client;
  }

  /** Forgets a peer id that is in no swarm: pages that come and go may share a connection. */
  #unseat({ voices }: Client, voice: WebVoice | undefined): void {
    if (voice === undefined) return;
    voices.splice(voices.indexOf(voice), 1);
    this.#seats.delete(voice.number);
  }
}

/** For signals that come from another node: what they hold is a description, and nothing else. */
export function isSoundSignal({ text }: Signal): boolean {
  return isSessionText(text);
}

function hasRoom({ voices }: Client): boolean {
  return voices.length < VOICES_MAX;
}

/** One that has left all its swarms. */
function idleVoice({ voices }: Client): WebVoice | undefined {
  return voices.find((voice) => voice.swarms.size === 0);
}

function voiceOf({ voices }: Client, peerId: string): WebVoice | undefined {
  for (const voice of voices) if (voice.peerId === peerId) return voice;
  return undefined;
}
