/**
 * Gets a certificate from an authority by ACME (RFC 8555) and renews it at two thirds of its life.
 * The authority fetches `http://NAME/.well-known/acme-challenge/TOKEN` from each name that is to be
 * certified; the workers that serve HTTP answer with what this one tells them.
 *
 * ```
 * tracker/acme/account.key       our account with the authority
 * tracker/acme/certificate.pem   key, certificate, chain: what TLS workers watch
 * ```
 *
 * An authority counts what it is asked for, so failures are followed by pauses that double.
 */
import { X509Certificate } from 'node:crypto';
import acme from 'acme-client';
import { tlsIdentity } from '../frontend/tls/tls-identity.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import { readPrivateFile, writePrivateFile } from '../lib/private-file.js';
import { reasonOf } from '../lib/reason.js';
import { type AcmePaths, prepareAcmeFolder } from './acme-paths.js';

export interface AcmeKeeperOptions {
  readonly directoryUrl: string;
  readonly domains: readonly string[];
  readonly contact: string;
  readonly paths: AcmePaths;
}

export interface AcmeKeeperDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tells the workers the answers that are good now, by token. */
  readonly answer: (answers: ReadonlyMap<string, string>) => void;
  /** Called when there is a new certificate. */
  readonly renewed: () => void;
}

const RETRY_MS = 60_000;
const RETRY_MAX_MS = 6 * 3_600_000;
/** Timers hold less than 25 days; and a clock that is set should not matter for longer. */
const LOOK_MS_MAX = 3_600_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** From telling the workers to asking the authority to look: they hear it in a turn of their own. */
const SETTLE_MS = 500;
const REASON_CHARACTERS_MAX = 400;

export class AcmeKeeper {
  readonly #options: AcmeKeeperOptions;
  readonly #dependencies: AcmeKeeperDependencies;
  readonly #answers = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isStopped = false;

  constructor(options: AcmeKeeperOptions, dependencies: AcmeKeeperDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    acme.axios.defaults.timeout = REQUEST_TIMEOUT_MS;
  }

  /**
   * Begins: with an order at once, where there is no certificate that is good. Throws
   * PrivateFileError when what is kept cannot be read.
   */
  async start(): Promise<void> {
    prepareAcmeFolder(this.#options.paths);
    await this.#accountKey();
    this.#schedule(this.#waitMs());
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#answers.clear();
  }

  #schedule(waitMs: number): void {
    if (this.#isStopped) return;
    const ms = Math.min(Math.max(waitMs, 0), LOOK_MS_MAX);
    this.#timer = setTimeout(() => void this.#tick(), ms).unref();
  }

  async #tick(): Promise<void> {
    const { logger } = this.#dependencies;
    const { domains, directoryUrl } = this.#options;
    try {
      const waitMs = this.#waitMs();
      if (waitMs > 0) {
        this.#schedule(waitMs);
        return;
      }
      await this.#order();
      this.#failures = 0;
      this.#schedule(this.#waitMs());
    } catch (error) {
      if (this.#isStopped) return;
      const waitMs = Math.min(RETRY_MS * 2 ** this.#failures++, RETRY_MAX_MS);
      const reason = reasonOf(error).slice(0, REASON_CHARACTERS_MAX);
      const fields = { reason, domains: domains.join(' '), directoryUrl, seconds: waitMs / 1000 };
      logger.error(fields, 'no certificate by ACME: trying again later');
      this.#timer = setTimeout(() => void this.#tick(), waitMs).unref();
    }
  }

  /** Until the certificate that is there is to be renewed; 0 when there is none that is good. */
  #waitMs(): number {
    const text = readPrivateFile(this.#options.paths.certFile);
    if (text === undefined) return 0;
    try {
      return this.#lifeMs(new X509Certificate(text));
    } catch {
      return 0;
    }
  }

  /** The same for a certificate. */
  #lifeMs(certificate: X509Certificate): number {
    const isForAll = this.#options.domains.every((name) => certificate.checkHost(name));
    if (!isForAll) return 0;
    const fromMs = Date.parse(certificate.validFrom);
    const toMs = Date.parse(certificate.validTo);
    const renewMs = fromMs + ((toMs - fromMs) * 2) / 3;
    return Math.max(0, renewMs - this.#dependencies.clock.wallMs());
  }

  async #order(): Promise<void> {
    const { directoryUrl, domains, contact, paths } = this.#options;
    const client = new acme.Client({ directoryUrl, accountKey: await this.#accountKey() });
    const key = await acme.crypto.createPrivateEcdsaKey();
    const [, csr] = await acme.crypto.createCsr(
      { commonName: domains[0], altNames: [...domains] },
      key,
    );
    const chain = await client.auto({
      csr,
      ...(contact === '' ? {} : { email: contact }),
      termsOfServiceAgreed: true,
      challengePriority: ['http-01'],
      // The library would fetch it from port 80 of the name, which may lead here only from outside.
      skipChallengeVerification: true,
      challengeCreateFn: async (_, { token }, keyAuthorization) => {
        this.#answers.set(token, keyAuthorization);
        this.#tell();
        await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      },
      challengeRemoveFn: async (_, { token }) => {
        this.#answers.delete(token);
        this.#tell();
      },
    });
    if (this.#isStopped) return;
    // What cannot be used must not take the place of what can.
    tlsIdentity(chain, key.toString());
    const certificate = new X509Certificate(chain);
    // Another order at once would bring another such, until the authority has enough of us.
    if (this.#lifeMs(certificate) === 0) {
      throw new Error('what came is not good here: look at names and clock');
    }
    writePrivateFile(paths.certFile, `${key.toString()}\n${chain}`);
    const fields = { domains: domains.join(' '), until: certificate.validTo };
    this.#dependencies.logger.info(fields, 'a certificate came by ACME');
    this.#dependencies.renewed();
  }

  #tell(): void {
    if (!this.#isStopped) this.#dependencies.answer(new Map(this.#answers));
  }

  async #accountKey(): Promise<string> {
    const { accountFile } = this.#options.paths;
    const kept = readPrivateFile(accountFile);
    if (kept !== undefined) return kept;
    const key = (await acme.crypto.createPrivateEcdsaKey()).toString();
    writePrivateFile(accountFile, key);
    return key;
  }
}
