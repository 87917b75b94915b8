/** The nodes of a demo: a minder, trackers that joined it with a real token, all on loopback. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askControl } from '../minder/control-socket.js';
import { DemoNode, type ReadyLine } from './demo-node.js';
import { DemoError } from './demo-options.js';
import {
  LOOPBACK,
  minderBound,
  minderListens,
  type PortChoice,
  trackerBound,
  trackerListens,
} from './demo-ports.js';

const TOKEN_SECONDS = 3_600;

/** A node with its place in the demo; a process of it may follow another. */
export interface DemoMember {
  /** `the minder`, `tracker a` */
  readonly title: string;
  readonly page: string;
  node: DemoNode;
}

export interface DemoTracker extends DemoMember {
  readonly name: string;
  /** Announce URLs, by protocol; a second one where the machine has IPv6. */
  readonly http: readonly URL[];
  readonly udp: readonly URL[];
  readonly web: URL;
}

export interface ClusterHooks {
  /** A node ended by itself, and is started again after `restartSeconds` unless that is 0. */
  readonly onDeath: (member: DemoMember, how: string) => void;
  readonly onReturn: (member: DemoMember) => void;
}

export interface DemoClusterOptions {
  /** Path of bin/trackerbt.js. */
  readonly command: string;
  /** Where nodes keep their state. */
  readonly folder: string;
  readonly trackers: number;
  readonly restartSeconds: number;
}

export class DemoCluster {
  readonly trackers: DemoTracker[] = [];
  minder: DemoMember | undefined;
  /** Of the minder: what actions on the map need. */
  readonly tokenFile: string;
  readonly minderData: string;
  readonly #options: DemoClusterOptions;
  readonly #hooks: ClusterHooks;
  readonly #restarts = new Set<NodeJS.Timeout>();
  /** Everything that was ever started, so that nothing is left when a start fails half way. */
  readonly #started: DemoNode[] = [];
  #isClosing = false;

  constructor(options: DemoClusterOptions, hooks: ClusterHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.minderData = join(options.folder, 'minder');
    this.tokenFile = join(this.minderData, 'minder', 'admin-token');
  }

  /** Throws a `DemoError`. */
  async start(): Promise<void> {
    const enrol = await this.#startMinder();
    const joining = ['--join', `https://${enrol}`, '--token', `@${await this.#createToken()}`];
    const names = Array.from({ length: this.#options.trackers }, (_, i) => 'abcdefgh'[i]);
    const starts = names.map((name) => this.#startTracker(name, joining));
    this.trackers.push(...(await Promise.all(starts)));
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    for (const timer of this.#restarts) clearTimeout(timer);
    const { minder } = this;
    // The minder last: trackers take their leave of it.
    const others = this.#started.filter((node) => node !== minder?.node);
    await Promise.all(others.map((node) => node.stop()));
    await minder?.node.stop();
  }

  /** Resolves to where nodes enrol. */
  async #startMinder(): Promise<string> {
    const args = ['minder', '--name', 'minder', '--data', this.minderData];
    const [node, ready] = await this.#startFirst('the minder', async (choice) => [
      ...args,
      ...(await minderListens(choice)),
    ]);
    this.minder = { title: 'the minder', page: pageOf(ready), node };
    this.#watch(this.minder, [...args, ...minderBound(ready)]);
    return ready.enrol ?? '';
  }

  /** In a file: what stands on a command line is shown to everybody on this machine. */
  async #createToken(): Promise<string> {
    const created = await askControl(this.minderData, 'token.create', {
      role: 'tracker',
      ttlSeconds: TOKEN_SECONDS,
      uses: this.#options.trackers,
      cidr: `${LOOPBACK}/32`,
    });
    const file = join(this.#options.folder, 'join-token');
    writeFileSync(file, (created as { token: string }).token, { mode: 0o600 });
    return file;
  }

  async #startTracker(name: string, joining: readonly string[]): Promise<DemoTracker> {
    const title = `tracker ${name}`;
    const data = join(this.#options.folder, `tracker-${name}`);
    const args = ['tracker', '--name', name, '--data', data, '--public-page', ...joining];
    const isFirst = name === 'a';
    const listens = async (choice: PortChoice) => [...args, ...(await trackerListens(choice))];
    const [node, ready] = isFirst
      ? await this.#startFirst(title, listens)
      : await this.#startOne(title, await listens('any'));
    const { http = [], udp = [] } = ready;
    const tracker: DemoTracker = {
      name,
      title,
      http: http.map((address) => new URL(`http://${address}/announce`)),
      udp: udp.map((address) => new URL(`udp://${address}/announce`)),
      web: new URL(`ws://${http[0]}/announce`),
      page: pageOf(ready),
      node,
    };
    this.#watch(tracker, [...args, ...trackerBound(ready)]);
    return tracker;
  }

  /**
   * With its usual ports, where these are free. Between looking and binding somebody may take one, a
   * second demo for instance; then with any.
   */
  async #startFirst(
    title: string,
    listens: (choice: PortChoice) => Promise<string[]>,
  ): Promise<[DemoNode, ReadyLine]> {
    try {
      return await this.#startOne(title, await listens('usual'));
    } catch {
      return await this.#startOne(title, await listens('any'));
    }
  }

  async #startOne(title: string, args: readonly string[]): Promise<[DemoNode, ReadyLine]> {
    const node = this.#run(title, args);
    return [node, await node.ready];
  }

  #run(title: string, args: readonly string[]): DemoNode {
    // A start that was under way when the end came.
    if (this.#isClosing) throw new DemoError('demo_node_failed', 'the demo is ending');
    const node = new DemoNode(title, this.#options.command, args);
    for (let i = this.#started.length - 1; i >= 0; i--) {
      if (!this.#started[i].isRunning) this.#started.splice(i, 1);
    }
    this.#started.push(node);
    return node;
  }

  /** `args` start it again as it was. */
  #watch(member: DemoMember, args: readonly string[]): void {
    const { node } = member;
    void node.ended.then((how) => {
      if (this.#isClosing) return;
      this.#hooks.onDeath(member, how);
      const { restartSeconds } = this.#options;
      if (restartSeconds === 0) return;
      const timer = setTimeout(() => {
        this.#restarts.delete(timer);
        this.#startAgain(member, args);
      }, 1000 * restartSeconds);
      this.#restarts.add(timer);
    });
  }

  #startAgain(member: DemoMember, args: readonly string[]): void {
    const node = this.#run(member.title, args);
    member.node = node;
    this.#watch(member, args);
    node.ready.then(
      () => {
        if (!this.#isClosing && node.isRunning) this.#hooks.onReturn(member);
      },
      () => {},
    );
  }
}

function pageOf({ admin }: ReadyLine): string {
  return `http://${admin}/`;
}
