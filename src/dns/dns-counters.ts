/** What the name server counts. Labels are a fixed list: strangers choose no names of metrics. */
import { Rcode, RecordType } from './codes.js';

const QUERY_LABELS = ['A', 'AAAA', 'NS', 'SOA', 'TXT', 'ANY', 'other'] as const;
export type QueryLabel = (typeof QUERY_LABELS)[number];

const RCODE_LABELS = ['NOERROR', 'FORMERR', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'BADVERS'] as const;
export type RcodeLabel = (typeof RCODE_LABELS)[number];

const LABEL_OF_TYPE: Readonly<Record<number, QueryLabel>> = {
  [RecordType.a]: 'A',
  [RecordType.aaaa]: 'AAAA',
  [RecordType.ns]: 'NS',
  [RecordType.soa]: 'SOA',
  [RecordType.txt]: 'TXT',
  [RecordType.any]: 'ANY',
};

const LABEL_OF_RCODE: Readonly<Record<number, RcodeLabel>> = {
  [Rcode.noError]: 'NOERROR',
  [Rcode.formErr]: 'FORMERR',
  [Rcode.nxDomain]: 'NXDOMAIN',
  [Rcode.notImp]: 'NOTIMP',
  [Rcode.refused]: 'REFUSED',
  [Rcode.badVers]: 'BADVERS',
};

/** All but `tcpConnectionsOpen` only grow. */
export class DnsCounters {
  /** Questions that could be read, by type. */
  readonly queriesByType: Record<QueryLabel, number> = {
    A: 0,
    AAAA: 0,
    NS: 0,
    SOA: 0,
    TXT: 0,
    ANY: 0,
    other: 0,
  };
  /** Answers that were made, by response code. */
  readonly answersByRcode: Record<RcodeLabel, number> = {
    NOERROR: 0,
    FORMERR: 0,
    NXDOMAIN: 0,
    NOTIMP: 0,
    REFUSED: 0,
    BADVERS: 0,
  };
  queriesUdp = 0;
  queriesTcp = 0;
  /** No query at all: too short, or a response. Dropped in silence. */
  dropped = 0;
  /** Answers cut short, since they were too large or their network asked too often. */
  truncated = 0;
  /** Of those, and beside those: what the bound on answers a second cut short, and swallowed. */
  rateLimitedTruncated = 0;
  rateLimitedDropped = 0;
  tcpConnectionsOpen = 0;
  tcpConnectionsTotal = 0;
  /** Closed at once: its address had its share of connections. */
  tcpConnectionsRefused = 0;
  /** Idle for the longest, closed to make room for a new one at the bound. */
  tcpConnectionsEvicted = 0;
  /** No complete query within the idle time, or answers not read within it. */
  tcpTimeouts = 0;
  /** Not read from for a while, since so many answers waited to be read. */
  tcpSlowReaders = 0;
  /** Closed: a length that no query has. */
  tcpMalformed = 0;

  countQuery(type: number): void {
    this.queriesByType[LABEL_OF_TYPE[type] ?? 'other']++;
  }

  countAnswer(rcode: number): void {
    this.answersByRcode[LABEL_OF_RCODE[rcode]]++;
  }
}
