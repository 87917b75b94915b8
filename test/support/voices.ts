/** Has the peers of a population say their words, over UDP and HTTP, each from its own address. */
import { Agent, request } from 'node:http';
import type { Address } from './address.js';
import { bdecodeDict } from './bdecode.js';
import { announceTarget } from './http-wire.js';
import type { Word } from './population.js';
import { UdpVoice } from './udp-voice.js';

export type Protocol = 'udp' | 'http';

/** Where a tracker hears its clients. */
export interface Doors {
  readonly udp4: Address;
  readonly udp6: Address;
  readonly http4: Address;
  readonly http6: Address;
}

/** A word, and where and how it is said. */
export interface Saying {
  readonly word: Word;
  readonly tracker: Doors;
  readonly protocol: Protocol;
}

const HTTP_LIMIT_MS = 10_000;
const SOCKETS_PER_HOST = 4;

export class Voices {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_PER_HOST });
  readonly #udp = new Map<string, Promise<UdpVoice>>();

  /** Resolves when the word was taken; rejects when it was refused or not answered. */
  async say({ word, tracker, protocol }: Saying): Promise<void> {
    const isSix = word.peer.host.includes(':');
    if (protocol === 'udp') {
      const voice = await this.#voice(isSix ? tracker.udp6 : tracker.udp4, word.peer.host);
      return await voice.say(word);
    }
    return await this.#sayHttp(isSix ? tracker.http6 : tracker.http4, word);
  }

  /** Says all of them, at most `window` at a time. Rejects with the first that was not taken. */
  async sayAll(sayings: readonly Saying[], window = 256): Promise<void> {
    let next = 0;
    const speak = async () => {
      while (next < sayings.length) await this.say(sayings[next++]);
    };
    await Promise.all(Array.from({ length: Math.min(window, sayings.length) }, speak));
  }

  close(): void {
    this.#agent.destroy();
    for (const voice of this.#udp.values()) voice.then((open) => open.close()).catch(() => {});
    this.#udp.clear();
  }

  #voice(tracker: Address, host: string): Promise<UdpVoice> {
    const key = `${tracker.host} ${tracker.port} ${host}`;
    let voice = this.#udp.get(key);
    if (voice === undefined) {
      voice = UdpVoice.open(tracker, host);
      this.#udp.set(key, voice);
    }
    return voice;
  }

  #sayHttp(server: Address, word: Word, isRepeated = false): Promise<void> {
    const { peer, event, left } = word;
    const path = announceTarget(peer.infoHash, {
      port: peer.port,
      left,
      numwant: 1,
      event: event === 'refresh' ? undefined : event,
    });
    const { host, port } = server;
    const options = { agent: this.#agent, host, port, path, localAddress: peer.host };
    return new Promise((resolve, reject) => {
      const asked = request({ ...options, timeout: HTTP_LIMIT_MS }, (reply) => {
        const chunks: Buffer[] = [];
        reply.on('data', (chunk: Buffer) => chunks.push(chunk));
        reply.on('error', reject);
        reply.on('end', () => {
          const failure = failureIn(reply.statusCode, Buffer.concat(chunks));
          if (failure === undefined) resolve();
          else reject(new Error(`refused: ${failure}`));
        });
      });
      asked.on('timeout', () => asked.destroy(new Error(`silence from ${host}:${port}`)));
      asked.on('error', (error) => {
        // The tracker may close a connection that it kept just as we use it: clients ask again.
        if (asked.reusedSocket && !isRepeated)
          this.#sayHttp(server, word, true).then(resolve, reject);
        else reject(error);
      });
      asked.end();
    });
  }
}

function failureIn(status: number | undefined, body: Buffer): string | undefined {
  if (status !== 200) return `status ${status}`;
  const reply = bdecodeDict(body);
  return reply.has('failure reason') ? reply.text('failure reason') : undefined;
}
