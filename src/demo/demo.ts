/** One demo from start to end: folder, nodes, crowd, and what is said about them. */
import { type ClusterHooks, DemoCluster } from './demo-cluster.js';
import { DemoCrowd } from './demo-crowd.js';
import { makeDemoFolder, removeDemoFolder } from './demo-folder.js';
import type { DemoOptions } from './demo-options.js';

export interface DemoProgress {
  readonly peers: number;
  readonly announcesPerSecond: number;
  readonly failed: number;
}

export interface DemoHooks extends ClusterHooks {
  /** Called each second. */
  readonly onProgress: (progress: DemoProgress) => void;
}

/** Where everything is. */
export interface DemoPlaces {
  readonly map: string;
  readonly minderPid: number;
  readonly tokenFile: string;
  readonly minderData: string;
  readonly trackers: readonly {
    readonly name: string;
    readonly pid: number;
    readonly page: string;
    /** For people who open the tracker's URL. */
    readonly publicPage: string;
    readonly http: string;
    readonly udp: string;
    readonly web: string;
  }[];
  /** 40 hexadecimal digits each, the most popular swarm first. */
  readonly infoHashes: readonly string[];
}

export class Demo {
  readonly #options: DemoOptions;
  readonly #hooks: DemoHooks;
  readonly #folder: string;
  readonly #cluster: DemoCluster;
  #crowd: DemoCrowd | undefined;
  /** Announces that were answered when they were last counted. */
  #before = 0;
  #timer: NodeJS.Timeout | undefined;
  #end: Promise<void> | undefined;

  /** `command` is the path of bin/trackerbt.js. */
  constructor(options: DemoOptions, command: string, hooks: DemoHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.#folder = makeDemoFolder();
    const { trackers, restartSeconds } = options;
    this.#cluster = new DemoCluster(
      { command, folder: this.#folder, trackers, restartSeconds },
      hooks,
    );
  }

  /** Throws a `DemoError`; `close` is to be called all the same. */
  async start(): Promise<DemoPlaces> {
    await this.#cluster.start();
    const { trackers, minder, tokenFile, minderData } = this.#cluster;
    const crowd = new DemoCrowd(this.#options, trackers);
    this.#crowd = crowd;
    crowd.start();
    this.#timer = setInterval(() => this.#tell(crowd), 1_000);
    return {
      map: minder?.page ?? '',
      minderPid: minder?.node.pid ?? 0,
      tokenFile,
      minderData,
      trackers: trackers.map(({ name, node, page, http, udp, web }) => ({
        name,
        pid: node.pid,
        page,
        publicPage: new URL('/', http[0]).href,
        http: http[0].href,
        udp: udp[0].href,
        web: web.href,
      })),
      infoHashes: crowd.infoHashes.map((hash) => Buffer.from(hash).toString('hex')),
    };
  }

  /** Ends every process and removes what they kept. May be called again. */
  close(): Promise<void> {
    this.#end ??= this.#close();
    return this.#end;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    this.#crowd?.stop();
    try {
      await this.#cluster.close();
    } finally {
      removeDemoFolder(this.#folder);
    }
  }

  #tell(crowd: DemoCrowd): void {
    const announcesPerSecond = crowd.answered - this.#before;
    this.#before = crowd.answered;
    this.#hooks.onProgress({ peers: crowd.size, announcesPerSecond, failed: crowd.failed });
  }
}
