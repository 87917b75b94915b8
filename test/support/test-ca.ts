/** A certificate authority for tests: its certificates are good for this machine's loopback. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const DAY_MS = 86_400_000;
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2_048,
} as const;

export interface Issued {
  /** The certificate, then the authority's. */
  readonly cert: string;
  readonly key: string;
  readonly serial: string;
}

export interface IssueOptions {
  readonly algorithm?: 'ecdsa' | 'rsa';
  /** DNS names and addresses. */
  readonly names?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

export class TestCa {
  #serial = 0x1000;

  private constructor(
    readonly certificate: x509.X509Certificate,
    readonly keys: webcrypto.CryptoKeyPair,
  ) {}

  static async create(): Promise<TestCa> {
    const keys = await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: 'CN=trackerbt test authority',
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + DAY_MS),
      signingAlgorithm: ECDSA,
      keys: keys as webcrypto.CryptoKeyPair,
      extensions: [
        new x509.BasicConstraintsExtension(true, 1, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new TestCa(certificate, keys as webcrypto.CryptoKeyPair);
  }

  get pem(): string {
    return `${this.certificate.toString('pem')}\n`;
  }

  /** Writes the authority's certificate, for programs that are to trust it; returns its path. */
  write(folder: string): string {
    const path = join(folder, 'ca.pem');
    writeFileSync(path, this.pem);
    return path;
  }

  async issue(options: IssueOptions = {}): Promise<Issued> {
    const algorithm = options.algorithm === 'rsa' ? RSA : ECDSA;
    const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
      'sign',
      'verify',
    ])) as webcrypto.CryptoKeyPair;
    const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    const { cert, serial } = await this.sign(keys.publicKey, options);
    return { cert, serial, key: `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n` };
  }

  /** A certificate for a public key. */
  async sign(
    publicKey: x509.PublicKeyType,
    { names = ['localhost', '127.0.0.1', '::1'], notBefore, notAfter }: IssueOptions = {},
  ): Promise<{ cert: string; serial: string }> {
    const serial = (++this.#serial).toString(16).toUpperCase();
    const isAddress = (name: string) => /^[\d.]+$|:/.test(name);
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial,
      subject: `CN=${names[0]}`,
      issuer: this.certificate.subject,
      notBefore: notBefore ?? new Date(Date.now() - DAY_MS / 24),
      notAfter: notAfter ?? new Date(Date.now() + DAY_MS / 2),
      signingKey: this.keys.privateKey,
      signingAlgorithm: ECDSA,
      publicKey,
      extensions: [
        new x509.SubjectAlternativeNameExtension(
          names.map((name) => ({ type: isAddress(name) ? 'ip' : 'dns', value: name })),
        ),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      ],
    });
    return { cert: `${certificate.toString('pem')}\n${this.pem}`, serial };
  }
}
