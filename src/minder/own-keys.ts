/**
 * The keys that are this minder's own and stay so for its life, unlike the certificates over them:
 * others name them. `minder/own-keys.json`, mode 0600:
 *
 * ```
 * {"version": 1,
 *  "busSeed": "SU...",     its user on the bus; a revocation names the public half
 *  "routeKey": "-----..."} of its bus server towards others, who let in that key and no other
 * ```
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { createUser, fromSeed } from '@nats-io/nkeys';
import { z } from 'zod';
import { readPrivateFile, writePrivateFile } from '../lib/private-file.js';

const fileSchema = z.strictObject({
  version: z.literal(1),
  busSeed: z.string().regex(/^SU[A-Z2-7]{56}$/),
  routeKey: z.string().startsWith('-----BEGIN '),
});

/** The file is altered or cut short. `message` is for the operator. */
export class OwnKeysError extends Error {
  override name = 'OwnKeysError';
  readonly code = 'own_keys_damaged';
}

export class OwnKeys {
  /** `SU...`, secret. */
  readonly busSeed: string;
  /** `U...` */
  readonly busPublicKey: string;
  /** P-256, PKCS #8 PEM, secret. */
  readonly routeKey: string;
  /** SHA-256 of the route key's public half (DER), hexadecimal, as NATS pins it. */
  readonly routePin: string;

  private constructor(busSeed: string, routeKey: string) {
    this.busSeed = busSeed;
    this.busPublicKey = fromSeed(Buffer.from(busSeed, 'latin1')).getPublicKey();
    this.routeKey = routeKey;
    const spki = createPublicKey(createPrivateKey(routeKey)).export({
      type: 'spki',
      format: 'der',
    });
    this.routePin = createHash('sha256').update(spki).digest('hex');
  }

  /** Loads the keys, or makes them. Throws `OwnKeysError` or `PrivateFileError`. */
  static open(directory: string): OwnKeys {
    const path = join(directory, 'own-keys.json');
    const text = readPrivateFile(path);
    if (text !== undefined) return OwnKeys.#parse(text, path);
    const made = { version: 1, busSeed: newBusSeed(), routeKey: newRouteKey() };
    writePrivateFile(path, `${JSON.stringify(made, null, 1)}\n`);
    return new OwnKeys(made.busSeed, made.routeKey);
  }

  static #parse(text: string, path: string): OwnKeys {
    try {
      const { busSeed, routeKey } = fileSchema.parse(JSON.parse(text));
      return new OwnKeys(busSeed, routeKey);
    } catch {
      throw new OwnKeysError(`${path} is damaged: restore it from a backup`);
    }
  }
}

function newBusSeed(): string {
  return Buffer.from(createUser().getSeed()).toString('latin1');
}

function newRouteKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
