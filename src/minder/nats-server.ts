/**
 * The bus server: a real `nats-server`, as a child process of the minder.
 *
 * ```
 *            spawn             "Server is ready"          exit
 *   stopped ------> starting ------------------> running -----> waiting --> starting ...
 *                      |                            |            (pause doubles, to 10 s)
 *                      +-- first start fails: error +-- stop: SIGTERM, in the end SIGKILL
 *                                                   +-- answers nobody for half a minute: SIGKILL
 * ```
 *
 * It ends with the minder, however that ends: a shell beside it waits for the end of a pipe that
 * only the minder holds open, and kills it then. What that misses (the machine's own end, a crash
 * between two system calls) is found through `server.pid` at the next start.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Account, decode } from '@nats-io/jwt';
import type { Clock } from '../lib/clock.js';
import type { LogSink } from '../lib/log-sink.js';
import { writePrivateFile } from '../lib/private-file.js';
import { reasonOf } from '../lib/reason.js';
import type { BusTrust } from './bus-accounts.js';
import { findNatsServer } from './nats-binary.js';
import {
  NATS_LIMITS,
  type NatsAddress,
  type NatsLimits,
  natsConfig,
  type RouteOptions,
  type RoutePeers,
  type ServerTls,
  writeTls,
} from './nats-config.js';
import { NatsServerError } from './nats-error.js';
import { NatsLog } from './nats-log.js';
import { greets } from './nats-probe.js';

export interface NatsServerOptions {
  /** Of its files, for it alone: `minder/bus`. */
  readonly directory: string;
  /** The minder's node id. */
  readonly serverName: string;
  readonly bus: NatsAddress;
  readonly tls: ServerTls;
  readonly routes?: RouteOptions | undefined;
  readonly limits?: Partial<NatsLimits> | undefined;
  /** A name or path of the program, instead of `nats-server` on the path. */
  readonly binary?: string | undefined;
  /** Between two looks whether it answers. Default 5,000. */
  readonly probeMs?: number | undefined;
}

export interface NatsServerDependencies {
  /** What to trust, as it is when asked: before every start of the server. */
  readonly trust: () => BusTrust;
  readonly log: LogSink;
  readonly clock: Clock;
}

/** A guard against waiting for ever: nothing is decided by it on a machine that is only slow. */
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 5_000;
const LEFT_OVER_LIMIT_MS = 10_000;
const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 10_000;
/** A server that lived this long failed for a new reason. */
const LONG_LIFE_MS = 60_000;
const TICK_MS = 1_000;
const PROBE_MS = 5_000;
/** Half a minute without a greeting: no load explains that. */
const PROBES_FAILED_MAX = 6;
const POLL_MS = 20;

/** Waits for the end of its input, which is ours, and then ends the process `$1`. */
const GUARD_SCRIPT = 'read -r _; kill -KILL "$1"';

export class NatsServer {
  readonly version: string;
  /** Times that it died and was started again. */
  restarts = 0;
  readonly #program: string;
  readonly #options: NatsServerOptions;
  readonly #directory: string;
  readonly #trust: () => BusTrust;
  readonly #logSink: LogSink;
  readonly #log: NatsLog;
  readonly #timer: NodeJS.Timeout;
  readonly #probeTimer: NodeJS.Timeout;
  #probesFailed = 0;
  #bus: NatsAddress;
  #routes: RouteOptions | undefined;
  #tls: ServerTls;
  #child: ChildProcess | undefined;
  #guard: ChildProcess | undefined;
  #isRunning = false;
  /** The routes have changed since the server may have read its configuration. */
  #isStale = false;
  #pauseMs = PAUSE_MS_MIN;
  #pause: NodeJS.Timeout | undefined;
  #stopping = false;

  private constructor(
    options: NatsServerOptions,
    program: { path: string; version: string },
    { trust, log, clock }: NatsServerDependencies,
  ) {
    this.#options = options;
    this.#directory = resolve(options.directory);
    this.#program = program.path;
    this.version = program.version;
    this.#trust = trust;
    this.#logSink = log;
    this.#log = new NatsLog({ log, clock });
    this.#bus = options.bus;
    this.#routes = options.routes;
    this.#tls = options.tls;
    this.#timer = setInterval(() => this.#log.tick(), TICK_MS);
    const probeMs = options.probeMs ?? PROBE_MS;
    this.#probeTimer = setInterval(() => void this.#probe(probeMs), probeMs);
  }

  /** Resolves when it accepts connections. Rejects with `NatsServerError` or `PrivateFileError`. */
  static async start(
    options: NatsServerOptions,
    dependencies: NatsServerDependencies,
  ): Promise<NatsServer> {
    const server = new NatsServer(options, await findNatsServer(options.binary), dependencies);
    try {
      await server.#endLeftOver();
      await server.#launch();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** Where trackers connect to, with the port that it is. */
  get bus(): NatsAddress {
    return this.#bus;
  }

  /** Where other minders' servers connect to. */
  get routes(): NatsAddress | undefined {
    return this.#routes;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get counters(): Readonly<NatsLog['counters']> {
    return this.#log.counters;
  }

  /** Takes new certificates. Connections that stand are not touched. */
  reload(tls: ServerTls, routeTls?: ServerTls): void {
    this.#tls = tls;
    if (this.#routes !== undefined && routeTls !== undefined) {
      this.#routes = { ...this.#routes, tls: routeTls };
    }
    this.#writeTls();
    // One that is starting reads either the old files or the new ones, and both are good.
    if (this.#isRunning) this.#child?.kill('SIGHUP');
  }

  /**
   * Takes other routes, live: what is no longer named is cut off, by whichever side it was dialled
   * (measured with 2.9.10). What is connected as a client is not touched.
   */
  setPeers({ routes, pins = [] }: RoutePeers): void {
    if (this.#routes === undefined) return;
    const { routes: oldRoutes, pins: oldPins = [] } = this.#routes;
    if (isDeepStrictEqual([routes, pins], [oldRoutes, oldPins])) return;
    this.#routes = { ...this.#routes, routes, pins };
    this.#writeConfig(this.#trust());
    // One that is starting may have read the old file: it is told again when it serves.
    if (this.#isRunning) this.#child?.kill('SIGHUP');
    else this.#isStale = true;
  }

  /** Ends it. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#pause);
    clearInterval(this.#timer);
    clearInterval(this.#probeTimer);
    const child = this.#child;
    if (child?.pid !== undefined && isAlive(child)) {
      const ended = new Promise<void>((done) => {
        child.once('exit', () => done());
      });
      const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
      child.kill('SIGTERM');
      // One that may not be killed, or that the kernel holds, must not hold us as well.
      const given = await Promise.race([ended, sleep(2 * STOP_LIMIT_MS, 'up', { ref: false })]);
      clearTimeout(limit);
      if (given === 'up') {
        this.#logSink.log('error', 'the bus server cannot be ended', { pid: child.pid });
        return;
      }
    }
    rmSync(this.#pidFile, { force: true });
  }

  get #configFile(): string {
    return join(this.#directory, 'server.conf');
  }

  get #pidFile(): string {
    return join(this.#directory, 'server.pid');
  }

  /** Starts the process and waits until it serves. */
  async #launch(): Promise<void> {
    this.#writeFiles();
    const child = spawn(this.#program, ['-c', this.#configFile], {
      // It needs none of our environment, which may hold secrets.
      env: { PATH: process.env.PATH ?? '' },
      stdio: ['ignore', 'ignore', 'pipe'],
      // A Ctrl-C in a terminal is for us, who then end it in order.
      detached: true,
    });
    this.#child = child;
    const outcome = new Promise<'ready' | 'ended'>((settle, fail) => {
      const lines = createInterface({ input: child.stderr! });
      lines.on('line', (line) => {
        if (this.#log.take(line) === 'Server is ready') settle('ready');
      });
      child.on('error', (error) => {
        fail(new NatsServerError('bus_server_failed', `${this.#program}: ${error.message}`));
      });
      // After its last words have been read, not before.
      child.once('close', () => settle('ended'));
    });
    child.once('exit', () => {
      this.#guard?.kill('SIGKILL');
      this.#guard = undefined;
    });
    if (child.pid !== undefined) {
      this.#watch(child.pid);
      writePrivateFile(this.#pidFile, `${child.pid}\n`);
    }
    const limit = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS);
    const what = await outcome.finally(() => clearTimeout(limit));
    if (what === 'ended') throw this.#startError(this.#log.lastWords());
    await this.#readPorts(child);
    this.#isRunning = true;
    if (this.#isStale) child.kill('SIGHUP');
    this.#isStale = false;
    const startMs = performance.now();
    const { host, port } = this.#bus;
    this.#logSink.log('info', 'bus server runs', { pid: child.pid ?? 0, host, port });
    const onEnd = () => this.#heedEnd(child, performance.now() - startMs);
    if (isAlive(child)) child.once('close', onEnd);
    else onEnd();
  }

  #writeFiles(): void {
    this.#isStale = false;
    const directory = this.#directory;
    const trust = this.#trust();
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Accounts and certificates are none of other users' business.
    chmodSync(directory, 0o700);
    mkdirSync(join(directory, 'jwt'), { recursive: true, mode: 0o700 });
    rmSync(join(directory, 'ports'), { recursive: true, force: true });
    mkdirSync(join(directory, 'ports'), { mode: 0o700 });
    writeAccount(join(directory, 'jwt', `${trust.account}.jwt`), trust.accountJwt);
    this.#writeTls();
    this.#writeConfig(trust);
  }

  #writeConfig(trust: BusTrust): void {
    const { serverName, limits } = this.#options;
    const config = natsConfig({
      directory: this.#directory,
      serverName,
      trust,
      bus: this.#bus,
      routes: this.#routes,
      limits: { ...NATS_LIMITS, ...limits },
    });
    writePrivateFile(this.#configFile, config);
  }

  #writeTls(): void {
    writeTls(this.#directory, '', this.#tls);
    if (this.#routes !== undefined) writeTls(this.#directory, 'route', this.#routes.tls);
  }

  /** From now on the ports are those that it got, for its next life as well. */
  async #readPorts(child: ChildProcess): Promise<void> {
    const folder = join(this.#directory, 'ports');
    const endMs = performance.now() + START_LIMIT_MS;
    for (;;) {
      const name = readdirSync(folder).find((file) => file.endsWith(`_${child.pid}.ports`));
      const ports =
        name === undefined ? undefined : parsePorts(readFileSync(join(folder, name), 'utf8'));
      if (ports !== undefined) {
        this.#bus = { host: this.#bus.host, port: ports.bus };
        if (this.#routes !== undefined) {
          this.#routes = { ...this.#routes, port: ports.routes ?? this.#routes.port };
        }
        return;
      }
      if (!isAlive(child) || performance.now() > endMs) {
        throw this.#startError(this.#log.lastWords());
      }
      await sleep(POLL_MS);
    }
  }

  #startError(reason: string): NatsServerError {
    const { host, port } = this.#bus;
    if (/address already in use/i.test(reason)) {
      const routes = this.#routes;
      const other = routes === undefined ? '' : ` or ${routes.host}:${routes.port}`;
      return new NatsServerError(
        'bus_address_in_use',
        `bus ${host}:${port}${other} is held by another process (${reason}): stop that one, or ` +
          'choose another with --bus ADDR:PORT and --bus-cluster ADDR:PORT',
      );
    }
    return new NatsServerError('bus_server_failed', `the bus server did not start: ${reason}`);
  }

  #heedEnd(child: ChildProcess, lifeMs: number): void {
    this.#isRunning = false;
    if (this.#stopping) return;
    const { exitCode: code, signalCode: signal } = child;
    const reason = this.#log.lastWords();
    this.#logSink.log('error', 'the bus server died: starting it again', { code, signal, reason });
    if (lifeMs > LONG_LIFE_MS) this.#pauseMs = PAUSE_MS_MIN;
    this.#relaunch();
  }

  #relaunch(): void {
    if (this.#stopping) return;
    this.#pause = setTimeout(() => {
      this.restarts++;
      this.#launch().catch((error: unknown) => {
        const reason = reasonOf(error);
        this.#child?.kill('SIGKILL');
        if (this.#stopping) return;
        this.#logSink.log('error', 'the bus server does not start', { reason });
        this.#relaunch();
      });
    }, this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MS_MAX);
  }

  /** Ends a server that hangs; what follows is as with any other death. */
  async #probe(limitMs: number): Promise<void> {
    const child = this.#child;
    if (!this.#isRunning || child === undefined) return;
    const answers = await greets(this.#bus, limitMs, (port) => this.#log.overlook(port));
    if (child !== this.#child || !this.#isRunning) return;
    this.#probesFailed = answers ? 0 : this.#probesFailed + 1;
    if (this.#probesFailed < PROBES_FAILED_MAX) return;
    this.#probesFailed = 0;
    this.#logSink.log('error', 'the bus server answers nobody: ending it', { pid: child.pid });
    child.kill('SIGKILL');
  }

  #watch(pid: number): void {
    const guard = spawn('/bin/sh', ['-c', GUARD_SCRIPT, 'trackerbt-bus-guard', String(pid)], {
      env: {},
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    guard.on('error', (error) => {
      const reason = error.message;
      this.#logSink.log('warn', 'nobody ends the bus server when this process is killed', {
        reason,
      });
    });
    guard.stdin?.on('error', () => {});
    this.#guard = guard;
  }

  /** Ends the server of an earlier life of ours, which would hold the port. */
  async #endLeftOver(): Promise<void> {
    if (!existsSync(this.#pidFile)) return;
    const pid = Number(readFileSync(this.#pidFile, 'utf8'));
    const endMs = performance.now() + LEFT_OVER_LIMIT_MS;
    for (let told = false; this.#isOurs(pid); told = true) {
      if (!told) this.#logSink.log('warn', 'ending a bus server that was left over', { pid });
      if (performance.now() > endMs) {
        throw new NatsServerError(
          'bus_server_failed',
          `a bus server of an earlier run, process ${pid}, cannot be ended: end it, then start again`,
        );
      }
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone, or not ours to kill: the next look tells.
      }
      await sleep(POLL_MS);
    }
    rmSync(this.#pidFile, { force: true });
  }

  /** Whether a process runs with our configuration file; numbers of processes come again. */
  #isOurs(pid: number): boolean {
    if (!Number.isInteger(pid) || pid <= 1) return false;
    try {
      const path = `/proc/${pid}/cmdline`;
      const args = existsSync('/proc/self/cmdline')
        ? readFileSync(path, 'utf8').split('\0')
        : execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).split(/\s+/);
      return args.includes(this.#configFile);
    } catch {
      return false;
    }
  }
}

/**
 * What the server knows of the account may be newer than what this minder does: another minder has
 * revoked somebody, and told all servers. The newer word stays.
 */
function writeAccount(path: string, accountJwt: string): void {
  const known = existsSync(path) ? claimsOf(readFileSync(path, 'utf8')) : undefined;
  const ours = claimsOf(accountJwt);
  if (known !== undefined && ours !== undefined) {
    if (known.iat > ours.iat) return;
    // Times are whole seconds; revocations are only ever added within one.
    if (known.iat === ours.iat && known.revoked > ours.revoked) return;
  }
  writePrivateFile(path, accountJwt);
}

/** When an account was signed, in seconds since 1970, and how many users it shuts out. */
function claimsOf(accountJwt: string): { iat: number; revoked: number } | undefined {
  try {
    const { iat, nats } = decode<Account>(accountJwt.trim());
    return { iat, revoked: Object.keys(nats.revocations ?? {}).length };
  } catch {
    return undefined;
  }
}

function isAlive({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

/** `{"nats": ["tls://127.0.0.1:7422"], "cluster": [...]}`; undefined while it is half written. */
function parsePorts(text: string): { bus: number; routes: number | undefined } | undefined {
  try {
    const { nats, cluster } = JSON.parse(text) as { nats?: string[]; cluster?: string[] };
    const port = (url: string | undefined) =>
      url === undefined ? undefined : Number(/:(\d+)\/?$/.exec(url)?.[1]);
    const bus = port(nats?.[0]);
    return bus === undefined ? undefined : { bus, routes: port(cluster?.[0]) };
  } catch {
    return undefined;
  }
}
