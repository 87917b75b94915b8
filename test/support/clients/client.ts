/** What the end-to-end tests ask of a BitTorrent client, whichever program it is. */
import type { Torrent } from '../torrent.js';

export interface ClientOptions {
  /** The address that the client binds and announces from. */
  readonly host: string;
  /** Where content lies (seeder) or goes to (leecher). */
  readonly folder: string;
  readonly torrent: Torrent;
  readonly role: 'seeder' | 'leecher';
  readonly trackerProtocol: 'http' | 'https' | 'udp' | 'ws' | 'wss';
  /** File of the authority that vouches for an HTTPS tracker. */
  readonly caFile?: string;
  /** Lines for /etc/hosts, for a client that does not understand literal addresses. */
  readonly hostNames?: string;
  /** What the client is run by, such as `ip netns exec NAME`; then `host` is an address there. */
  readonly prefix?: readonly string[];
}

export interface RunningClient {
  /** Resolves when the client says that it has the whole file; rejects when it gives up. */
  completed(limitMs: number): Promise<void>;
  /** Makes the client leave the swarm in its regular way: it announces `stopped`. */
  leave(): Promise<void>;
  /** Ends the client at once, and removes what it kept. */
  kill(): Promise<void>;
  /** What it printed, for failure messages. */
  output(): string;
}

export interface ClientProgram {
  readonly name: string;
  start(options: ClientOptions): Promise<RunningClient>;
}
