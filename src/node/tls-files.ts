/**
 * A certificate and its key in two files, read at the start and again when either changes: looked
 * at every few seconds, which notices a replaced file, a rewritten one and a link that leads
 * elsewhere alike. A pair that is bad is told of once, and the last good one stays in use: also while
 * somebody has written the one file and not yet the other.
 */
import { type BigIntStats, readFileSync, statSync } from 'node:fs';
import {
  PEM_BYTES_MAX,
  type TlsIdentity,
  TlsIdentityError,
  tlsIdentity,
} from '../frontend/tls/tls-identity.js';
import type { LogSink } from '../lib/log-sink.js';
import { reasonOf } from '../lib/reason.js';

const LOOK_MS = 2_000;
const DAY_MS = 86_400_000;
const EXPIRES_SOON_MS = 7 * DAY_MS;

export interface TlsFilesOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** They may not be there yet, and come later. */
  readonly mayBeMissing: boolean;
  readonly lookMs?: number;
}

export interface TlsFilesDependencies {
  /** Takes each pair that is good. */
  readonly use: (identity: TlsIdentity) => void;
  readonly log: LogSink;
  readonly now: () => number;
}

export class TlsFiles {
  readonly #options: TlsFilesOptions;
  readonly #dependencies: TlsFilesDependencies;
  /** What the files looked like when they were last read. */
  #seen = '';
  #complaint = '';
  #current: TlsIdentity | undefined;
  #timer: NodeJS.Timeout | undefined;
  #toldExpiryOf = '';

  constructor(options: TlsFilesOptions, dependencies: TlsFilesDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Reads the pair and watches it. Throws TlsIdentityError when it is needed and cannot be used. */
  start(): void {
    try {
      this.#read();
    } catch (error) {
      if (!this.#options.mayBeMissing) throw error;
    }
    this.#timer = setInterval(() => this.look(), this.#options.lookMs ?? LOOK_MS).unref();
  }

  /** Reads the files again if they changed; `always` also if they did not. */
  look(always = false): void {
    if (always) this.#complaint = '';
    this.#warnOfExpiry();
    const { certFile, keyFile } = this.#options;
    if (!always && lookOf(certFile) + lookOf(keyFile) === this.#seen) return;
    try {
      this.#read();
      this.#complaint = '';
    } catch (error) {
      const reason = reasonOf(error);
      if (this.#current === undefined && this.#options.mayBeMissing) return;
      if (reason === this.#complaint) return;
      this.#complaint = reason;
      this.#complain(error, reason);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #read(): void {
    const { certFile, keyFile } = this.#options;
    // Before the files: a change while they are read is found at the next look.
    this.#seen = lookOf(certFile) + lookOf(keyFile);
    const cert = readPem(certFile);
    const key = readPem(keyFile);
    let identity: TlsIdentity;
    try {
      identity = tlsIdentity(cert, key);
    } catch (error) {
      if (!(error instanceof TlsIdentityError)) throw error;
      throw new TlsIdentityError(error.code, `${certFile} and ${keyFile}: ${error.message}`);
    }
    const { log, use } = this.#dependencies;
    const isSame = this.#current?.cert === cert && this.#current.key === key;
    this.#warnOfMode(keyFile);
    if (isSame) return;
    const wasThere = this.#current !== undefined;
    use(identity);
    this.#current = identity;
    const fields = { names: identity.names, until: new Date(identity.notAfterMs).toISOString() };
    if (wasThere) log.log('info', 'a new certificate is in use', fields);
    else log.log('info', 'certificate for HTTPS', fields);
    this.#warnOfExpiry();
  }

  /** A pair that is bad, and one that our user may not read, call for different things to be done. */
  #complain(error: unknown, reason: string): void {
    const isUnreadable = error instanceof TlsIdentityError && error.code === 'tls_file_unreadable';
    const { log } = this.#dependencies;
    if (!isUnreadable || this.#current === undefined) {
      log.log('error', 'the new certificate is not used: the one before stays', { reason });
      return;
    }
    const until = new Date(this.#current.notAfterMs).toISOString();
    const text =
      'certificate or key cannot be read now: what is loaded stays in use, and no renewal is noticed until the user that the tracker runs as may read both files';
    log.log('warn', text, { reason, until });
  }

  #warnOfMode(path: string): void {
    if (process.platform === 'win32') return;
    const mode = statSync(path).mode & 0o777;
    const text = 'the key of the certificate is open to other users: chmod 600, or 640 at most';
    // Many systems give keys to a group of their own, and to nobody else.
    if ((mode & 0o037) === 0) return;
    this.#dependencies.log.log('warn', text, { file: path, mode: mode.toString(8) });
  }

  #warnOfExpiry(): void {
    const identity = this.#current;
    if (identity === undefined) return;
    const { notAfterMs, notBeforeMs, names } = identity;
    const nowMs = this.#dependencies.now();
    // A short-lived certificate is renewed later in its life.
    const soonMs = Math.min(EXPIRES_SOON_MS, (notAfterMs - notBeforeMs) / 4);
    const state = nowMs >= notAfterMs ? 'has expired' : 'expires soon';
    if (nowMs < notAfterMs - soonMs) return;
    const told = `${notAfterMs} ${state}`;
    if (told === this.#toldExpiryOf) return;
    this.#toldExpiryOf = told;
    const until = new Date(notAfterMs).toISOString();
    const text = `the certificate for HTTPS ${state}: renew it`;
    this.#dependencies.log.log('warn', text, { names, until });
  }
}

/** Changes whenever the file does, also when another takes its place; '' for one that is not there. */
function lookOf(path: string): string {
  let stats: BigIntStats;
  try {
    stats = statSync(path, { bigint: true });
  } catch {
    return '-;';
  }
  return `${stats.dev}.${stats.ino}.${stats.size}.${stats.mtimeNs}.${stats.ctimeNs};`;
}

function readPem(path: string): string {
  try {
    const stats = statSync(path);
    // The read of a pipe would never end, and with it the thread.
    if (!stats.isFile()) throw new Error('it is not a regular file');
    if (stats.size > PEM_BYTES_MAX) throw new Error('it is too large');
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = reasonOf(error);
    throw new TlsIdentityError('tls_file_unreadable', `cannot read ${path}: ${reason}`);
  }
}
