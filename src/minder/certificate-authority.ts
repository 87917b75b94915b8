/**
 * Signs the certificates of a cluster. A minder has two authorities: one for nodes, and one for the
 * routes between bus servers, because a bus server lets anybody in as a route whose certificate its
 * CA signed.
 *
 * ```
 * DIR/NAME.key   P-256 private key, PKCS #8 PEM, mode 0600
 * DIR/NAME.crt   its certificate, PEM
 * ```
 *
 * Certificates name a node twice, `CN=<id>` and the URI `urn:trackerbt:<role>:<id>`, and no host:
 * whoever connects checks chain and role.
 */
import { reasonOf } from '../lib/reason.js';
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, randomBytes, webcrypto } from 'node:crypto';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { type NodeRole, roleUri } from '../cluster/server-role.js';
import type { Clock } from '../lib/clock.js';
import { readPrivateFile, writePrivateFile } from '../lib/private-file.js';

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' };
/** Nobody replaces a CA; a cluster that outlives it starts anew. */
const CA_LIFETIME_MS = 20 * 365 * 86_400_000;
/**
 * Certificates count as good from a little before they were made: the clocks of two machines differ,
 * and a node whose clock is minutes behind must come far enough to be told so.
 */
const CLOCK_SKEW_MS = 60 * 60 * 1000;
const REQUEST_LENGTH_MAX = 4_096;

export class CertificateAuthorityError extends Error {
  override name = 'CertificateAuthorityError';
  readonly code = 'authority_damaged';
}

export interface CertificateGrant {
  readonly role: NodeRole;
  readonly nodeId: string;
  readonly lifetimeMs: number;
  /** Names and addresses for those who check them all the same. */
  readonly hosts?: readonly string[];
}

/** A key and the certificate for it, PEM. */
export interface KeyPairPem {
  readonly certificate: string;
  readonly key: string;
}

export class CertificateAuthority {
  /** The CA's own certificate. */
  readonly certificatePem: string;
  /** SHA-256 of the CA's certificate (DER), 32 bytes. */
  readonly fingerprint: Uint8Array;
  readonly #certificate: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;
  readonly #keyPem: string;
  readonly #clock: Clock;

  private constructor(
    certificate: x509.X509Certificate,
    key: webcrypto.CryptoKey,
    keyPem: string,
    fingerprint: Uint8Array,
    clock: Clock,
  ) {
    this.#certificate = certificate;
    this.#key = key;
    this.#keyPem = keyPem;
    this.#clock = clock;
    this.certificatePem = `${certificate.toString('pem')}\n`;
    this.fingerprint = fingerprint;
  }

  /**
   * Loads the authority `name` from a directory, or makes it there. `commonName` goes into a new
   * certificate. Throws `CertificateAuthorityError` when what lies there is no authority.
   */
  static async open(
    { directory, name, commonName }: { directory: string; name: string; commonName: string },
    { clock }: { clock: Clock },
  ): Promise<CertificateAuthority> {
    const keyFile = join(directory, `${name}.key`);
    const certificateFile = join(directory, `${name}.crt`);
    const keyPem = readPrivateFile(keyFile);
    const certificatePem = readPrivateFile(certificateFile);
    if (certificatePem === undefined) {
      // The certificate is written last: a key alone is a first start that was cut short.
      const made = await makeAuthority(commonName, clock);
      writePrivateFile(keyFile, made.key);
      writePrivateFile(certificateFile, made.certificate);
      return CertificateAuthority.#load(made.certificate, made.key, clock);
    }
    if (keyPem === undefined) {
      throw new CertificateAuthorityError(
        `${certificateFile} is there, its key ${keyFile} is not: restore the key from a backup`,
      );
    }
    try {
      return await CertificateAuthority.#load(certificatePem, keyPem, clock);
    } catch (error) {
      const reason = reasonOf(error);
      throw new CertificateAuthorityError(
        `${certificateFile} and ${keyFile} cannot be used (${reason}): restore them from a backup`,
      );
    }
  }

  /**
   * Puts the authority of another minder into a directory, for `open` to find. Throws
   * `CertificateAuthorityError` when it is none, or another than one that lies there.
   */
  static async adopt(
    { directory, name }: { directory: string; name: string },
    { certificate, key }: KeyPairPem,
    { clock }: { clock: Clock },
  ): Promise<void> {
    const certificateFile = join(directory, `${name}.crt`);
    const known = readPrivateFile(certificateFile);
    if (known !== undefined && known.trim() !== certificate.trim()) {
      throw new CertificateAuthorityError(
        `${certificateFile} is the authority of another cluster: give an empty directory with --data`,
      );
    }
    try {
      await CertificateAuthority.#load(certificate, key, clock);
    } catch (error) {
      const reason = reasonOf(error);
      throw new CertificateAuthorityError(`the other minder's ${name} authority is bad: ${reason}`);
    }
    // The certificate is written last: it says that both are there.
    writePrivateFile(join(directory, `${name}.key`), key);
    writePrivateFile(certificateFile, certificate);
  }

  static async #load(
    certificatePem: string,
    keyPem: string,
    clock: Clock,
  ): Promise<CertificateAuthority> {
    const certificate = new x509.X509Certificate(certificatePem);
    const pkcs8 = x509.PemConverter.decodeFirst(keyPem);
    const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, CURVE, false, ['sign']);
    // A key of another certificate would sign what nobody accepts.
    const probe = randomBytes(32);
    const signature = await webcrypto.subtle.sign(SIGNING, key, probe);
    const publicKey = await certificate.publicKey.export(CURVE, ['verify']);
    if (!(await webcrypto.subtle.verify(SIGNING, publicKey, signature, probe))) {
      throw new Error('the key is not that of the certificate');
    }
    const fingerprint = new Uint8Array(await certificate.getThumbprint('SHA-256'));
    return new CertificateAuthority(certificate, key, keyPem, fingerprint, clock);
  }

  /**
   * Signs a certificate for the key of a request (PKCS #10, PEM). Whatever names the request asks
   * for are ignored. Returns undefined when it is no request, its signature is wrong, or its key is
   * not P-256.
   */
  async sign(requestPem: string, grant: CertificateGrant): Promise<string | undefined> {
    let publicKey: webcrypto.CryptoKey;
    try {
      if (requestPem.length > REQUEST_LENGTH_MAX) return undefined;
      const request = new x509.Pkcs10CertificateRequest(requestPem);
      if (!(await request.verify())) return undefined;
      publicKey = await request.publicKey.export(CURVE, ['verify']);
    } catch {
      return undefined;
    }
    return this.#issue(publicKey, grant);
  }

  /** Authority and key as files hold them, for another minder. The key is the whole cluster's secret. */
  get pair(): KeyPairPem {
    return { certificate: this.certificatePem, key: this.#keyPem };
  }

  /** A certificate for a key of this minder's that stays (P-256, PKCS #8 PEM). */
  async certify(key: string, grant: CertificateGrant): Promise<KeyPairPem> {
    const spki = createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'der' });
    const publicKey = await webcrypto.subtle.importKey('spki', spki, CURVE, true, ['verify']);
    return { certificate: await this.#issue(publicKey, grant), key };
  }

  /** Makes a key and a certificate for it, for what this minder itself runs. */
  async issue(grant: CertificateGrant): Promise<KeyPairPem> {
    const pair = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
    return {
      certificate: await this.#issue(pair.publicKey, grant),
      key: await exportKey(pair.privateKey),
    };
  }

  async #issue(publicKey: webcrypto.CryptoKey, grant: CertificateGrant): Promise<string> {
    const { role, nodeId, lifetimeMs, hosts = [] } = grant;
    const nowMs = this.#clock.wallMs();
    const uses = [x509.ExtendedKeyUsage.clientAuth];
    if (role === 'minder') uses.push(x509.ExtendedKeyUsage.serverAuth);
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: [{ CN: [nodeId] }],
      issuer: this.#certificate.subject,
      notBefore: new Date(nowMs - CLOCK_SKEW_MS),
      notAfter: new Date(nowMs + lifetimeMs),
      publicKey,
      signingKey: this.#key,
      signingAlgorithm: SIGNING,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(uses),
        new x509.SubjectAlternativeNameExtension([
          { type: 'url', value: roleUri(role, nodeId) },
          ...hosts.map(hostName),
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#certificate),
        await x509.SubjectKeyIdentifierExtension.create(publicKey),
      ],
    });
    return `${certificate.toString('pem')}\n`;
  }
}

async function makeAuthority(commonName: string, clock: Clock): Promise<KeyPairPem> {
  const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
  const nowMs = clock.wallMs();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(nowMs - CLOCK_SKEW_MS),
    notAfter: new Date(nowMs + CA_LIFETIME_MS),
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: await exportKey(keys.privateKey) };
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`;
}

/** 16 random bytes, positive (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function hostName(host: string): { type: 'ip' | 'dns'; value: string } {
  return { type: /^[0-9.]+$|:/.test(host) ? 'ip' : 'dns', value: host };
}
