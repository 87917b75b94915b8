/** What `/api/v1/dns` shows: the trackers that clients are sent to. */
import type { NodeState } from './cluster-view.js';

export interface DnsView {
  /** Empty when this minder serves no zone; the set is there all the same. */
  readonly zone: string;
  /** Grows with every change of the set, over restarts too. */
  readonly revision: number;
  readonly addresses4: readonly string[];
  readonly addresses6: readonly string[];
  /** The most common first. */
  readonly services: readonly {
    readonly protocol: 'udp' | 'http' | 'https';
    readonly port: number;
  }[];
  /** Whose addresses these are; none of them healthy when it is the last set that stayed. */
  readonly trackers: readonly {
    readonly id: string;
    readonly name: string;
    readonly state: NodeState;
    /** URLs with IP addresses. */
    readonly addresses: readonly string[];
  }[];
  /** When the set changed last, ms since 1970; 0 for never. */
  readonly since: number;
}
