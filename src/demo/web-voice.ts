/**
 * A browser's side of the WebTorrent protocol: one WebSocket, one swarm, offers made and answered. The
 * descriptions in them are made up; nobody here connects to anybody.
 */
import { randomBytes } from 'node:crypto';
import { WebSocket } from 'ws';
import type { Peer } from './swarm-life.js';

const OPEN_MS_MAX = 3_000;
const MESSAGE_BYTES_MAX = 64 * 1024;
const OFFERS = 2;
const DESCRIPTION = {
  type: 'offer',
  sdp: 'v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=trackerbt demo\r\n',
};

export interface WebVoiceHooks {
  /** The tracker's reply to an announce; `undefined` counts are those of an offer or answer. */
  readonly onReply: () => void;
  readonly onClose: () => void;
}

export class WebVoice {
  readonly #socket: WebSocket;
  readonly #infoHash: string;
  readonly #peerId: string;

  constructor(url: URL, { infoHash, peerId }: Peer, { onReply, onClose }: WebVoiceHooks) {
    this.#infoHash = Buffer.from(infoHash).toString('latin1');
    this.#peerId = Buffer.from(peerId).toString('latin1');
    this.#socket = new WebSocket(url, {
      handshakeTimeout: OPEN_MS_MAX,
      maxPayload: MESSAGE_BYTES_MAX,
      perMessageDeflate: false,
    });
    this.#socket.on('error', () => {});
    this.#socket.on('close', onClose);
    this.#socket.on('message', (data) => {
      const message = parse(String(data));
      if ('offer' in message) this.#answer(message);
      else if ('complete' in message) onReply();
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  get isOpening(): boolean {
    return this.#socket.readyState === WebSocket.CONNECTING;
  }

  announce(isSeeder: boolean, event: string | undefined): void {
    const offers = Array.from({ length: OFFERS }, () => ({
      offer: DESCRIPTION,
      offer_id: randomBytes(20).toString('latin1'),
    }));
    this.#say({
      ...(event === undefined ? {} : { event }),
      left: isSeeder ? 0 : 1_000_000,
      numwant: OFFERS,
      ...(event === 'stopped' ? {} : { offers }),
    });
  }

  close(): void {
    this.#socket.close();
  }

  #answer({ peer_id: to, offer_id: id }: Readonly<Record<string, unknown>>): void {
    this.#say({ to_peer_id: to, offer_id: id, answer: { ...DESCRIPTION, type: 'answer' } });
  }

  #say(more: Readonly<Record<string, unknown>>): void {
    if (!this.isOpen) return;
    const base = { action: 'announce', info_hash: this.#infoHash, peer_id: this.#peerId };
    this.#socket.send(JSON.stringify({ ...base, ...more }));
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
