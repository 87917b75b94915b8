/**
 * The keys that a node makes for itself. They never leave it: a minder sees the public halves. A
 * module of its own, since its libraries are megabytes that are needed once in days.
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { createUser, fromSeed } from '@nats-io/nkeys';
import * as x509 from '@peculiar/x509';

/** A key and the request to certify it, PEM both. */
export interface KeyRequest {
  readonly key: string;
  readonly csr: string;
}

/** A P-256 key with a PKCS #10 request that names nobody: names come from the minder. */
export async function makeKeyRequest(): Promise<KeyRequest> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=node',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    key: `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`,
    csr: `${request.toString('pem')}\n`,
  };
}

/** The bus user of a node: an Ed25519 key in the bus's own writing. */
export interface BusKey {
  /** `U...` */
  readonly publicKey: string;
  /** `SU...`, secret. */
  readonly seed: string;
}

export function makeBusKey(): BusKey {
  const pair = createUser();
  return { publicKey: pair.getPublicKey(), seed: Buffer.from(pair.getSeed()).toString('latin1') };
}

/** Public key of a seed. Throws when it is none. */
export function busPublicKey(seed: string): string {
  return fromSeed(Buffer.from(seed, 'latin1')).getPublicKey();
}
