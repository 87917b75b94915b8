/** A WebTorrent client on one WebSocket, as raw as a test needs it. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ClientOptions, WebSocket } from 'ws';
import { within } from './deadline.js';

const ANSWER_LIMIT_MS = 20_000;

export type WebMessage = Readonly<Record<string, unknown>>;

/** 20 random bytes as the text that JSON carries them in. */
export function binaryText(): string {
  return randomBytes(20).toString('latin1');
}

export class WebClient {
  readonly peerId = binaryText();
  /** What came and was not waited for yet. */
  readonly inbox: WebMessage[] = [];
  /** The close code, once it is closed. */
  readonly closed: Promise<number>;
  #wake: () => void = () => {};

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => {
      this.inbox.push(JSON.parse(String(data)) as WebMessage);
      this.#wake();
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', (code) => resolve(code));
    });
  }

  static async connect(url: string, options: ClientOptions = {}): Promise<WebClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false, ...options });
    const client = new WebClient(socket);
    await within(once(socket, 'open'), ANSWER_LIMIT_MS, `a connection to ${url}`);
    return client;
  }

  say(message: WebMessage): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The first message that fits, from those that came or are to come. */
  async next(fits: (message: WebMessage) => boolean, what: string): Promise<WebMessage> {
    const take = async (): Promise<WebMessage> => {
      for (;;) {
        const at = this.inbox.findIndex(fits);
        if (at >= 0) return this.inbox.splice(at, 1)[0];
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    };
    return within(take(), ANSWER_LIMIT_MS, what);
  }

  /** Announces, and waits for the counts. */
  announce(infoHash: string, more: WebMessage = {}): Promise<WebMessage> {
    const base = { action: 'announce', info_hash: infoHash, peer_id: this.peerId, left: 1 };
    this.say({ ...base, ...more });
    const isReply = (message: WebMessage) =>
      message.info_hash === infoHash && ('complete' in message || 'failure reason' in message);
    return this.next(isReply, 'the reply to an announce');
  }

  async scrape(infoHash: string): Promise<unknown> {
    this.say({ action: 'scrape', info_hash: infoHash });
    const { files } = await this.next(({ action }) => action === 'scrape', 'a scrape');
    return (files as WebMessage)[infoHash];
  }

  offer(): Promise<WebMessage> {
    return this.next((message) => 'offer' in message, 'an offer');
  }

  answer(): Promise<WebMessage> {
    return this.next((message) => 'answer' in message, 'an answer');
  }

  /** Answers an offer that came. */
  reply(offer: WebMessage, more: WebMessage = {}): void {
    this.say({
      action: 'announce',
      info_hash: offer.info_hash,
      peer_id: this.peerId,
      to_peer_id: offer.peer_id,
      offer_id: offer.offer_id,
      answer: { type: 'answer', sdp: 'v=0 answer' },
      ...more,
    });
  }

  async end(): Promise<void> {
    this.socket.close();
    await within(this.closed, ANSWER_LIMIT_MS, 'the end of a connection');
  }
}

/** Offers as a client makes them. */
export function offers(count: number): { offer: WebMessage; offer_id: string }[] {
  return Array.from({ length: count }, (_, i) => ({
    offer: { type: 'offer', sdp: `v=0 offer ${i}` },
    offer_id: binaryText(),
  }));
}
