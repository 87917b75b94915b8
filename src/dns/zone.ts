/**
 * The zone: which names it has, and their records.
 *
 * ```
 * tracker.example.org      A, AAAA    the trackers, a few of them at random in each answer
 *                          TXT        BITTORRENT UDP:6969 TCP:6969 (BEP 34)
 *                          SOA, NS
 * ns.tracker.example.org   A, AAAA    a name server whose name lies in the zone
 * ```
 *
 * All of it is encoded when the set of trackers changes, so that an answer is a look-up and a few
 * copies. A name between two others that has no records of its own exists and is empty (RFC 8020).
 */
import { isIP } from 'node:net';
import type { Answer } from 'dns-packet';
import type { Clock } from '../lib/clock.js';
import { RecordType } from './codes.js';
import { DnsError } from './dns-error.js';
import { isWithin, nameToWire, parentKey, wireKey } from './dns-name.js';
import { encodePiece, RecordSet } from './record-set.js';
import { bittorrentText, type TrackerSet } from './tracker-set.js';

export interface ZoneOptions {
  readonly zone: string;
  /** Of A, AAAA and TXT, and of the answer that something does not exist. */
  readonly ttlSeconds: number;
  /** Most addresses in one answer. */
  readonly answersMax: number;
  /** Names of the name servers, the first of them in the SOA record. Empty: `ns.` in the zone. */
  readonly nameServers: readonly string[];
  /** Addresses of name servers inside the zone that `nameServerAddresses` does not name: ours. */
  readonly ownAddresses: readonly string[];
}

/** Addresses by name of a name server, in lower case without the last dot. */
export type NameServerAddresses = ReadonlyMap<string, readonly string[]>;

export interface ZoneDependencies {
  readonly set: () => TrackerSet;
  /** Asked like `set` before each batch; a new content is a new map. */
  readonly nameServerAddresses?: () => NameServerAddresses;
  readonly clock: Clock;
}

/** A name that exists, and its records by type. */
export type ZoneNode = ReadonlyMap<number, RecordSet>;

/** A name server of the zone whose addresses the zone must tell. */
export interface Glue {
  /** Wire form of the name down to the zone's: what follows is the zone itself. */
  readonly prefix: Uint8Array;
  readonly node: ZoneNode;
}

/** More addresses of one family, or of one name server, than these are left out. */
export const ADDRESSES_MAX = 4_096;
const GLUE_ADDRESSES_MAX = 16;

/** Names of servers change rarely, and a change is announced beforehand. */
const STEADY_TTL_SECONDS = 3_600;
// For secondaries, of which there are none; RIPE-203's advice, so that checkers of zones are content.
const SOA_TIMERS = { refresh: 3_600, retry: 600, expire: 1_209_600 } as const;

const NO_ADDRESSES: NameServerAddresses = new Map();
const EMPTY_NODE: ZoneNode = new Map();

export class Zone {
  readonly key: string;
  readonly nameServers: readonly string[];
  /** The answer to ANY: RFC 8482, section 4.2. */
  readonly anyRecords: RecordSet;
  readonly #options: ZoneOptions;
  readonly #deps: ZoneDependencies;
  #nodes = new Map<string, ZoneNode>();
  #glue: Glue[] = [];
  #soa: RecordSet | undefined;
  #serial = 0;
  #revision = Number.NaN;
  #addresses: NameServerAddresses = NO_ADDRESSES;

  /** Throws a `DnsError` for a zone or a name server that is no name. */
  constructor(options: ZoneOptions, deps: ZoneDependencies) {
    this.#options = options;
    this.#deps = deps;
    this.key = keyOf(options.zone, 'dns_zone_invalid', 'the zone');
    // Names that we derive must fit as well.
    keyOf(`hostmaster.${options.zone}`, 'dns_zone_invalid', 'the zone, with room for a label,');
    this.nameServers =
      options.nameServers.length > 0 ? options.nameServers : [`ns.${options.zone}`];
    for (const name of this.nameServers) this.#checkNameServer(name);
    const hinfo = { cpu: 'RFC8482', os: '' };
    this.anyRecords = new RecordSet(RecordType.hinfo, [
      encodePiece({ type: 'HINFO', name: '.', ttl: STEADY_TTL_SECONDS, data: hinfo }),
    ]);
    this.refresh();
  }

  /** Takes a new set over when there is one. Called before each batch of queries. */
  refresh(): void {
    const set = this.#deps.set();
    const addresses = this.#deps.nameServerAddresses?.() ?? NO_ADDRESSES;
    if (set.revision === this.#revision && addresses === this.#addresses) return;
    this.#revision = set.revision;
    this.#addresses = addresses;
    // Grows with each change, and over restarts unless changes come faster than seconds.
    this.#serial = Math.max(this.#serial + 1, Math.floor(this.#deps.clock.wallMs() / 1_000)) >>> 0;
    this.#build(set);
  }

  get serial(): number {
    return this.#serial;
  }

  /** In every answer that something does not exist. */
  get soa(): RecordSet {
    return this.#soa as RecordSet;
  }

  get glue(): readonly Glue[] {
    return this.#glue;
  }

  /** The node of a name; undefined when the zone has no such name. */
  find(key: string): ZoneNode | undefined {
    return this.#nodes.get(key);
  }

  /** Whether a name is the zone's to answer for. */
  has(key: string): boolean {
    return isWithin(key, this.key);
  }

  /** Name servers inside the zone that nobody could be told the address of. */
  get lameNameServers(): string[] {
    return this.nameServers.filter((name) => {
      const node = this.#nodes.get(nameKey(name));
      return node !== undefined && node.size === 0;
    });
  }

  #build(set: TrackerSet): void {
    const { ttlSeconds, answersMax, zone } = this.#options;
    const apex = addressNode(set.addresses4, set.addresses6, ttlSeconds, answersMax);
    const text = bittorrentText(set.services);
    if (text !== undefined) {
      const record: Answer = { type: 'TXT', name: '.', ttl: ttlSeconds, data: [text] };
      apex.set(RecordType.txt, new RecordSet(RecordType.txt, [encodePiece(record)]));
    }
    const ns = this.nameServers.map((name) =>
      encodePiece({ type: 'NS', name: '.', ttl: STEADY_TTL_SECONDS, data: name }),
    );
    apex.set(RecordType.ns, new RecordSet(RecordType.ns, ns));
    const data = {
      mname: this.nameServers[0],
      rname: `hostmaster.${zone}`,
      serial: this.#serial,
      ...SOA_TIMERS,
      // Resolvers remember for this long that something does not exist: trackers of another family
      // may appear any moment.
      minimum: ttlSeconds,
    };
    this.#soa = new RecordSet(RecordType.soa, [
      encodePiece({ type: 'SOA', name: '.', ttl: ttlSeconds, data }),
    ]);
    apex.set(RecordType.soa, this.#soa);
    this.#nodes = new Map([[this.key, apex]]);
    this.#glue = [];
    for (const name of this.nameServers) this.#addNameServer(name);
  }

  #addNameServer(name: string): void {
    const key = nameKey(name);
    if (!isWithin(key, this.key)) return;
    const known = this.#addresses.get(name.replace(/\.$/, '').toLowerCase());
    const addresses = (known ?? this.#options.ownAddresses).slice(0, GLUE_ADDRESSES_MAX);
    const node = addressNode(addresses, addresses, STEADY_TTL_SECONDS);
    this.#nodes.set(key, node);
    const prefix = Buffer.from(key.slice(0, key.length - this.key.length), 'latin1');
    this.#glue.push({ prefix, node });
    for (let up = parentKey(key); !this.#nodes.has(up); up = parentKey(up)) {
      this.#nodes.set(up, EMPTY_NODE);
    }
  }

  #checkNameServer(name: string): void {
    const key = keyOf(name, 'dns_name_server_invalid', 'the name server');
    if (isIP(name) !== 0 || key === this.key) {
      throw new DnsError(
        'dns_name_server_invalid',
        `the name server '${name}' cannot be one: give names of machines (not addresses, and not the zone itself, whose addresses are the trackers'), such as ns1.${this.#options.zone}, with --ns or dns.nameServers`,
      );
    }
  }
}

function nameKey(name: string): string {
  const wire = nameToWire(name);
  return wire === undefined ? '' : wireKey(wire);
}

function keyOf(name: string, code: 'dns_zone_invalid' | 'dns_name_server_invalid', what: string) {
  const key = nameKey(name);
  if (key.length <= 1) {
    throw new DnsError(
      code,
      `${what} '${name}' is no domain name: give one like tracker.example.org`,
    );
  }
  return key;
}

/** The address records of what of the texts is an address of the family. */
function addressNode(
  addresses4: readonly string[],
  addresses6: readonly string[],
  ttl: number,
  chosenMax?: number,
): Map<number, RecordSet> {
  const node = new Map<number, RecordSet>();
  const add = (type: 'A' | 'AAAA', family: 4 | 6, texts: readonly string[]) => {
    const valid = [...new Set(texts)].filter(
      (text) => isIP(text) === family && !text.includes('%'),
    );
    if (valid.length === 0) return;
    const pieces = valid
      .slice(0, ADDRESSES_MAX)
      .map((data) => encodePiece({ type, name: '.', ttl, data }));
    const number = family === 4 ? RecordType.a : RecordType.aaaa;
    node.set(number, new RecordSet(number, pieces, chosenMax));
  };
  add('A', 4, addresses4);
  add('AAAA', 6, addresses6);
  return node;
}
