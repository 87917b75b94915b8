/**
 * Every setting: its place, its kind, its default, its meaning. The typed configuration, the JSON
 * Schema, the printed files, the names in the environment and the table in docs/configuration.md
 * all come from here. A top-level section may be added without touching anything else.
 */
import { z } from 'zod';
import { REPLY_PEERS_MAX } from '../protocol/announce.js';
import { NODE_NAME_LENGTH_MAX } from '../protocol/cluster/heartbeat.js';
import { SCRAPE_HASHES_MAX } from '../tracker/tracker.js';
import { https } from './https-section.js';
import * as leaves from './leaves.js';
import { websocket } from './websocket-section.js';

/** Longest interval that may be told to clients. */
export const INTERVAL_SECONDS_MAX = 28_800;
/** Longest peer expiry: one and a half times the longest interval. */
export const PEER_TTL_SECONDS_MAX = 43_200;
/** Below a half, so that the default expiry outlives the longest interval that a client is told. */
export const INTERVAL_JITTER_MAX = 0.4;
const DAY_SECONDS = 86_400;

const log = z.strictObject({
  level: leaves
    .choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('The least severe log lines that are written.'),
  format: leaves
    .choice(['auto', 'json', 'pretty'])
    .default('auto')
    .describe('How log lines look; auto is pretty on a terminal and JSON elsewhere.'),
});

const admin = z.strictObject({
  listen: leaves
    .listenOffOrEmpty()
    .default('')
    .describe(
      'Where the admin API, the metrics and the health checks are served; empty is 127.0.0.1:6970 for a tracker, 127.0.0.1:7470 for a minder.',
    ),
  tokenFile: leaves
    .line('a path', 0, 4_096)
    .default('')
    .describe('File with the bearer token; empty keeps it in the data directory.'),
  hosts: leaves
    .hostList()
    .default([])
    .describe(
      'Names besides localhost by which a listener on loopback may be called, as behind a proxy; by these reading needs the token too.',
    ),
  liveMax: leaves
    .whole(0, 10_000)
    .default(64)
    .describe('How many may follow the live numbers at a time: pages, trackerbt top, scripts.'),
  readsPerSecond: leaves
    .whole(0, 100_000)
    .default(200)
    .describe(
      'Requests of one address that only read; ten seconds of them at once; 0 for no limit.',
    ),
  changesPerSecond: leaves
    .whole(0, 100_000)
    .default(20)
    .describe('Requests of one address that change something, likewise; 0 for no limit.'),
  busiestSwarms: leaves
    .whole(0, 100)
    .default(20)
    .describe('How many swarms with the most peers a tracker names to operators; 0 names none.'),
});

const http = z.strictObject({
  listen: leaves
    .listenList()
    .default(['*:6969'])
    .describe('Where announces and scrapes are served over HTTP.'),
  connectionsMax: leaves
    .whole(1, 1_000_000)
    .default(20_000)
    .describe(
      'Open client connections, all listeners and workers together; those that fast workers hand over are as many again.',
    ),
  headerBytesMax: leaves
    .whole(1_024, 65_536)
    .default(8_192)
    .describe('Longest request line and headers together, in bytes.'),
  requestTimeoutSeconds: leaves
    .whole(1, 300)
    .default(10)
    .describe('How long a client may take to send one request, in seconds.'),
  keepAliveSeconds: leaves
    .whole(1, 3_600)
    .default(30)
    .describe('How long an idle connection is kept for the next request, in seconds.'),
  requestsPerConnectionMax: leaves
    .whole(1, 1_000_000)
    .default(1_000)
    .describe('Requests answered on one connection before it is closed.'),
  handOverPendingMax: leaves
    .whole(1, 65_536)
    .default(1_024)
    .describe('Connections on their way from a fast worker to the portable HTTP server.'),
  handOverPerAddress: leaves
    .whole(1, 65_535)
    .default(50)
    .describe('Connections a second from one address that a fast worker hands over.'),
  announcePaths: leaves
    .announcePathList()
    .default(['/announce'])
    .describe('Paths that take announces, such as /announce.php or /{key}/announce.'),
  trustedProxies: leaves
    .networkList()
    .default([])
    .describe('Proxies whose word about the address of a client is believed.'),
  proxyProtocol: leaves
    .yesNo()
    .default(false)
    .describe('Whether connections from trusted proxies begin with a PROXY protocol header.'),
  publicPage: leaves
    .yesNo()
    .default(false)
    .describe('Whether / is a page for people: announce URLs to copy, and totals.'),
  scrapeHashesMax: leaves
    .whole(1, SCRAPE_HASHES_MAX)
    .default(100)
    .describe('Info hashes answered in one scrape.'),
});

const udp = z.strictObject({
  listen: leaves
    .listenList()
    .default(['*:6969'])
    .describe('Where announces and scrapes are served over UDP.'),
  receiveBufferBytes: leaves
    .whole(0, 1_073_741_824, '; 0 keeps the default of the system')
    .default(0)
    .describe('Receive buffer asked of the system for each socket, in bytes.'),
});

const announce = z.strictObject({
  intervalSeconds: leaves
    .whole(1, INTERVAL_SECONDS_MAX)
    .default(1_800)
    .describe('Time between two announces that clients are asked for, in seconds.'),
  minIntervalSeconds: leaves
    .whole(0, INTERVAL_SECONDS_MAX, '; 0 is half of the interval')
    .default(0)
    .describe('Shortest time between two announces that clients should keep to, in seconds.'),
  peerTtlSeconds: leaves
    .whole(0, PEER_TTL_SECONDS_MAX, '; 0 is one and a half times the interval')
    .default(0)
    .describe('Time after its last announce at which a peer is forgotten, in seconds.'),
  intervalJitter: leaves
    .share(INTERVAL_JITTER_MAX)
    .default(0.1)
    .describe('Share of the interval by which it varies, so that announces spread out.'),
  numwantDefault: leaves
    .whole(0, REPLY_PEERS_MAX)
    .default(50)
    .describe('Peers in a reply to a client that does not say how many it wants.'),
  numwantMax: leaves.whole(0, REPLY_PEERS_MAX).default(200).describe('Most peers in a reply.'),
  trustedIpSources: leaves
    .networkList()
    .default([])
    .describe('Clients whose ip=, ipv4= and ipv6= parameters are believed.'),
});

const limits = z.strictObject({
  peersMax: leaves
    .whole(1_000, 450_000_000)
    .default(10_000_000)
    .describe('Peers kept, all swarms together; memory is reserved for them at start.'),
  swarmsMax: leaves.whole(1_000, 44_000_000).default(2_000_000).describe('Swarms kept.'),
});

const store = z.strictObject({
  saveSeconds: leaves
    .whole(1, DAY_SECONDS)
    .default(60)
    .describe('Time between two saves of the swarm store, in seconds.'),
  emptySwarmSeconds: leaves
    .whole(0, 366 * DAY_SECONDS)
    .default(DAY_SECONDS)
    .describe('How long a swarm without peers is remembered for its downloads, in seconds.'),
  shards: leaves
    .powerOfTwo(1_024)
    .default(64)
    .describe('Parts of the swarm store, each with its own lock.'),
});

const cluster = z.strictObject({
  join: leaves
    .minderUrl()
    .default('')
    .describe('Minder to join, such as https://minder.example:7443; empty stands alone.'),
  token: leaves
    .line('a join token, @FILE or -', 0, 4_096)
    .default('')
    .describe('Join token for the first start, the file with it, or - for standard input.'),
  readyWaitSeconds: leaves
    .whole(0, 3_600)
    .default(10)
    .describe('How long a start waits for the other trackers before it serves, in seconds.'),
  flushMs: leaves
    .whole(1, 1_000)
    .default(20)
    .describe('Longest time that a change waits for others to travel with, in ms.'),
  recentBytesMax: leaves
    .whole(1_048_576, 4_294_967_296)
    .default(67_108_864)
    .describe('Own batches kept for trackers that missed some, in bytes.'),
  unconfirmedBytesMax: leaves
    .whole(65_536, 1_073_741_824)
    .default(8_388_608)
    .describe('Bytes sent and not confirmed by the bus at which sending pauses.'),
  changesMax: leaves
    .powerOfTwo(16_777_216)
    .default(65_536)
    .describe('Changes of one worker that wait to be sent.'),
  tombstonesMax: leaves
    .powerOfTwo(268_435_456)
    .default(1_048_576)
    .describe('Stopped peers remembered, so that late news does not bring them back.'),
  downloadCountsMax: leaves
    .whole(1_024, 268_435_456)
    .default(8_388_608)
    .describe('Download counts kept by swarm and tracker.'),
  clockOffsetMaxMs: leaves
    .whole(1_000, DAY_SECONDS * 1_000)
    .default(10_000)
    .describe('How far the clock of a node may be off before it counts as unreachable, in ms.'),
});

const lists = z.strictObject({
  mode: leaves
    .choice(['auto', 'open', 'deny', 'allow'])
    .default('auto')
    .describe(
      'Which info hashes are served: all (open), all but the denied (deny), only the allowed (allow); auto is what the cluster says, and deny for a tracker that stands alone.',
    ),
  denyFile: leaves
    .line('a path', 0, 4_096)
    .default('')
    .describe(
      'File of denied info hashes, one a line; read again at SIGHUP. For a tracker that stands alone.',
    ),
  allowFile: leaves
    .line('a path', 0, 4_096)
    .default('')
    .describe(
      'File of allowed info hashes, one a line; read again at SIGHUP. For a tracker that stands alone.',
    ),
  entriesMax: leaves
    .whole(1_000, 16_777_216)
    .default(1_250_000)
    .describe('Info hashes in each list; address space is reserved for them at start.'),
});

const load = z.strictObject({
  busyShareMax: leaves
    .share(1)
    .default(0.85)
    .describe(
      'Share of their time that workers may be busy before clients are told to come less often; 0 never minds.',
    ),
  requestsPerSecondMax: leaves
    .whole(0, 1_000_000_000, '; 0 sets no bound')
    .default(0)
    .describe('Announces and scrapes a second above which clients are told to come less often.'),
  stretchMax: leaves
    .whole(1, 16, '; 1 never stretches')
    .default(4)
    .describe('How many times the interval may become longer under load.'),
});

const health = z.strictObject({
  probeSeconds: leaves
    .whole(1, 300)
    .default(3)
    .describe('Time between two probes of an address of a tracker, in seconds.'),
  probeTimeoutMs: leaves
    .whole(100, 30_000)
    .default(2_000)
    .describe('How long a probe waits for an answer, in ms.'),
  silentSeconds: leaves
    .whole(2, 300)
    .default(5)
    .describe('A node without a heartbeat for so long is unreachable, in seconds.'),
  flapSeconds: leaves
    .whole(1, 3_600)
    .default(60)
    .describe(
      'How long a tracker that came and went several times must be well before it counts as healthy again, in seconds.',
    ),
});

const dns = z.strictObject({
  listen: leaves
    .listenList()
    .default([])
    .describe('Where the minder answers DNS queries for the zone, over UDP and TCP.'),
  zone: leaves
    .domainName()
    .default('')
    .describe('The zone whose apex has the addresses of the healthy trackers.'),
  nameServers: leaves
    .hostList()
    .default([])
    .describe('Names of the name servers of the zone, the first of them in the SOA record.'),
  ttlSeconds: leaves
    .whole(1, 86_400)
    .default(30)
    .describe('How long resolvers may keep an answer, in seconds.'),
  answersMax: leaves
    .whole(1, 64)
    .default(8)
    .describe('Most addresses in one answer, chosen at random.'),
  ratePerSecond: leaves
    .whole(0, 1_000_000, '; 0 sets no bound')
    .default(50)
    .describe(
      'Answers a second over UDP to one network (IPv4 /24, IPv6 /56) before they are cut short.',
    ),
  connectionsMax: leaves.whole(1, 10_000).default(128).describe('Open DNS connections over TCP.'),
  updateServer: leaves
    .hostPort()
    .default('')
    .describe(
      'A name server to send the set to as dynamic updates (RFC 2136), such as 192.0.2.1:53; empty sends none.',
    ),
  updateKeyFile: leaves
    .line('a path', 0, 4_096)
    .default('')
    .describe('File with the TSIG key for updates, as tsig-keygen of BIND writes it.'),
});

const minder = z.strictObject({
  peer: leaves
    .minderUrl()
    .default('')
    .describe('Another minder of the cluster to join, such as https://minder.example:7443.'),
  token: leaves
    .line('a join token, @FILE or -', 0, 4_096)
    .default('')
    .describe(
      'Join token of role minder for the first start, the file with it, or - for standard input.',
    ),
  listen: leaves
    .listen()
    .default('*:7443')
    .describe('Where nodes join and renew their certificates.'),
  bus: leaves.listen().default('*:7422').describe('Where the bus serves trackers.'),
  busCluster: leaves
    .listen()
    .default('*:7423')
    .describe('Where the buses of several minders meet.'),
  natsServer: leaves
    .line('a path or a command', 1, 4_096)
    .default('nats-server')
    .describe('The NATS server to run as the bus.'),
  natsUrl: leaves
    .line('a URL', 0, 4_096)
    .default('')
    .describe('A NATS server that runs already, to use instead; empty runs one.'),
  natsCredsFile: leaves
    .line('a path', 0, 4_096)
    .default('')
    .describe('Credentials of this minder for that server.'),
  natsAccountKeyFile: leaves
    .line('a path', 0, 4_096)
    .default('')
    .describe('Signing key of the account there, with which trackers get their credentials.'),
  certificateSeconds: leaves
    .whole(60, 366 * DAY_SECONDS)
    .default(7 * DAY_SECONDS)
    .describe('How long certificates are good, in seconds; they renew at two thirds.'),
  keyRotationSeconds: leaves
    .whole(120, DAY_SECONDS, ': ids must be good for two minutes')
    .default(600)
    .describe('How often the key of connection ids changes, in seconds.'),
});

export const configSchema = z.strictObject({
  name: leaves
    .line('a name', 0, NODE_NAME_LENGTH_MAX)
    .default('')
    .describe('Name of this node in logs and on pages; empty is the name of the host.'),
  data: leaves
    .line('a path', 1, 4_096)
    .default('./trackerbt-data')
    .describe('Directory for saved state; one process uses it at a time.'),
  user: leaves
    .line('a user', 0, 64)
    .default('')
    .describe('User to become once the ports are bound; empty keeps the user.'),
  advertise: leaves
    .hostList()
    .default([])
    .describe('Addresses of this node for others to use; empty is what it is bound to.'),
  workers: leaves
    .whole(0, 256, '; 0 chooses by the number of cores')
    .default(0)
    .describe('Worker threads that serve clients.'),
  io: leaves
    .choice(['auto', 'fast', 'portable'])
    .default('auto')
    .describe('Sockets by system calls (fast, Linux) or by Node.js (portable); auto tries fast.'),
  log: log.prefault({}).describe('Logging.'),
  admin: admin.prefault({}).describe('The listener for operators.'),
  http: http.prefault({}).describe('The HTTP tracker.'),
  https: https.prefault({}).describe('The same over TLS; limits are those of http.'),
  udp: udp.prefault({}).describe('The UDP tracker.'),
  websocket: websocket.prefault({}).describe('WebTorrent clients, over WebSocket.'),
  announce: announce.prefault({}).describe('What an announce is answered.'),
  limits: limits.prefault({}).describe('Bounds of what is kept in memory.'),
  store: store.prefault({}).describe('The swarm store.'),
  cluster: cluster.prefault({}).describe('One peer list with other trackers.'),
  lists: lists.prefault({}).describe('Info hashes that are denied or allowed.'),
  load: load.prefault({}).describe('When clients are told to come less often.'),
  health: health.prefault({}).describe('How a minder judges trackers.'),
  dns: dns.prefault({}).describe('The name of the cluster, answered by the minder.'),
  minder: minder.prefault({}).describe('The minder, which is there for the trackers.'),
});

export type DeepReadonly<T> = T extends (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** A valid configuration, frozen all the way down. Zeros and '' that stand for a rule are kept. */
export type Config = DeepReadonly<z.output<typeof configSchema>>;

/** The JSON Schema (draft 2020-12) of a configuration file. */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      if (jsonSchema.type === 'object') {
        // Members whose name starts with two slashes are comments.
        jsonSchema.patternProperties = { '^//': {} };
        // In YAML, a section whose every line is commented out.
        (jsonSchema as { type?: unknown }).type = ['object', 'null'];
      }
      if (leaves.expectations.get(zodSchema)?.offMeansEmpty) {
        const { type, items, maxItems } = jsonSchema;
        delete jsonSchema.type;
        delete jsonSchema.items;
        delete jsonSchema.maxItems;
        const asList = { type, items, maxItems } as typeof jsonSchema;
        jsonSchema.anyOf = [asList, { const: 'off' }];
      }
    },
  });
  schema.title = 'trackerbt configuration';
  schema.properties = { $schema: { type: 'string' }, ...schema.properties };
  return schema;
}
