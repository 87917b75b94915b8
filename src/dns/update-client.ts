/** One dynamic update from end to end: find the zone, sign, send, check the answer. */
import { randomInt } from 'node:crypto';
import { decode, encode } from 'dns-packet';
import type { Clock } from '../lib/clock.js';
import { HEADER_BYTES, Rcode } from './codes.js';
import type { NameServer } from './dns-exchange.js';
import { isWithin, nameToWire, wireKey } from './dns-name.js';
import type { TrackerSet } from './tracker-set.js';
import { signMessage, verifyResponse } from './tsig.js';
import type { TsigKey } from './tsig-key.js';
import { UpdateError } from './update-error.js';
import { encodeUpdate } from './update-message.js';

export interface UpdateClientOptions {
  /** The name to keep: a zone of the server, or a name inside one. */
  readonly name: string;
  readonly server: NameServer;
  readonly key: TsigKey;
  readonly ttlSeconds: number;
}

export interface UpdateClientDependencies {
  readonly clock: Clock;
  readonly exchange: (
    server: NameServer,
    message: Uint8Array,
    signal: AbortSignal,
  ) => Promise<Buffer>;
}

const RCODE_NAMES: Readonly<Record<number, string>> = {
  [Rcode.formErr]: 'FORMERR',
  2: 'SERVFAIL',
  [Rcode.nxDomain]: 'NXDOMAIN',
  [Rcode.notImp]: 'NOTIMP',
};

export class UpdateClient {
  readonly #options: UpdateClientOptions;
  readonly #deps: UpdateClientDependencies;
  readonly #name: Uint8Array;
  /** The zone of the server that the name is in; unknown until it is asked. */
  #zone: Uint8Array | undefined;

  constructor(options: UpdateClientOptions, deps: UpdateClientDependencies) {
    this.#options = options;
    this.#deps = deps;
    const name = nameToWire(options.name);
    if (name === undefined) throw new TypeError(`'${options.name}' is no domain name`);
    this.#name = name;
  }

  /**
   * Has the server tell `set`, and nothing else, as the addresses and text of the name. Rejects with
   * an `UpdateError` when it does not, or might not.
   */
  async send(set: TrackerSet, signal: AbortSignal): Promise<void> {
    const { server, key, ttlSeconds } = this.#options;
    const { clock, exchange } = this.#deps;
    this.#zone ??= await this.#findZone(signal);
    const request = { id: randomId(), zone: this.#zone, name: this.#name, ttlSeconds, set };
    const nowSeconds = Math.floor(clock.wallMs() / 1_000);
    const { bytes, mac } = signMessage(encodeUpdate(request), key, nowSeconds);
    const answer = await exchange(server, bytes, signal);
    const rcode = answer[3] & 15;
    try {
      verifyResponse(answer, key, mac, Math.floor(clock.wallMs() / 1_000));
    } catch (error) {
      // A server that refuses early does not sign, and its reason is worth more than that.
      const isUnsigned = error instanceof UpdateError && error.code === 'update_answer_unsigned';
      if (!isUnsigned || rcode === Rcode.noError) throw error;
    }
    if (rcode === Rcode.noError) return;
    // The zone may have been cut anew.
    this.#zone = undefined;
    throw this.#refusal(rcode);
  }

  /** The zone that the server says the name is in, or the name itself when it does not say. */
  async #findZone(signal: AbortSignal): Promise<Uint8Array> {
    const { name, server } = this.#options;
    const query = encode({
      type: 'query',
      id: randomId(),
      questions: [{ type: 'SOA', name }],
    });
    const answer = await this.#deps.exchange(server, query, signal);
    const nameKey = wireKey(this.#name);
    for (const record of recordsOf(answer)) {
      if (record.type !== 'SOA') continue;
      const zone = nameToWire(record.name);
      // What somebody else put there leads nowhere: the update names a zone that the key is not for.
      if (zone !== undefined && isWithin(nameKey, wireKey(zone))) return zone;
    }
    return this.#name;
  }

  #refusal(rcode: number): UpdateError {
    const { name, server, key } = this.#options;
    const where = `${server.host} port ${server.port}`;
    if (rcode === Rcode.refused) {
      return new UpdateError(
        'update_refused',
        `the name server ${where} refused: allow the key '${key.name}' to update A, AAAA and TXT of ${name}`,
      );
    }
    if (rcode === Rcode.notAuth || rcode === Rcode.notZone) {
      return new UpdateError(
        'update_not_authoritative',
        `the name server ${where} is not the primary of a zone that ${name} is in: name that one in dns.updateServer`,
      );
    }
    const said = RCODE_NAMES[rcode] ?? `response code ${rcode}`;
    return new UpdateError(
      'update_failed',
      `the name server ${where} answered ${said}: its log says why`,
    );
  }
}

function recordsOf(answer: Buffer) {
  if (answer.length < HEADER_BYTES) return [];
  try {
    const { answers = [], authorities = [] } = decode(answer);
    return [...answers, ...authorities];
  } catch {
    // The library throws all kinds of errors for what is no message.
    throw new UpdateError('update_answer_malformed', 'the server sent no valid message');
  }
}

const randomId = () => randomInt(0x1_0000);
