/** JSON schemas of the admin interface: they check requests, shape replies and document both. */

const count = { type: 'integer', minimum: 0 } as const;
const number = { type: 'number' } as const;
const textOrNull = { type: ['string', 'null'] } as const;
const text = { type: 'string' } as const;
const countsByReason = { type: 'object', additionalProperties: count } as const;

/** An object whose listed members are always there; further ones may follow in later versions. */
function open<P extends Record<string, unknown>>(properties: P) {
  return {
    type: 'object',
    additionalProperties: true,
    required: Object.keys(properties),
    properties,
  } as const;
}

export const errorSchema = {
  description: 'A refusal.',
  ...open({ error: open({ code: text, message: text }) }),
};

export const healthSchema = {
  type: 'object',
  required: ['status'],
  properties: { status: text, reason: text },
} as const;

const numberOrNull = { type: ['number', 'null'] } as const;

const nodeSchema = open({
  id: text,
  name: text,
  role: { type: 'string', enum: ['tracker', 'minder'] },
  version: text,
  state: { type: 'string', enum: ['joining', 'healthy', 'draining', 'unreachable', 'revoked'] },
  reason: { ...textOrNull, description: 'Why it is in that state, in a word.' },
  addresses: { type: 'array', items: text },
  lagMs: { ...numberOrNull, description: 'How old its changes are here: half are younger.' },
  recordsIn: { ...count, description: 'Records heard from it and applied.' },
  recordsOut: { ...count, description: 'Records that it says it sent.' },
  gaps: { ...count, description: 'Times that batches of it were missing.' },
  clockOffsetMs: { ...numberOrNull, description: 'Its clock less ours.' },
  lastHeartbeatMs: { ...numberOrNull, description: 'Milliseconds since its last heartbeat.' },
  digest: textOrNull,
  peers: count,
  swarms: count,
});

export const clusterSchema = {
  description: 'The cluster as this node sees it; this node first.',
  ...open({
    self: { ...text, description: "This node's id; empty for one that stands alone." },
    busConnected: { type: ['boolean', 'null'] },
    nodes: { type: 'array', items: nodeSchema },
    links: {
      type: 'array',
      items: open({ from: text, to: text, recordsPerSecond: number, lagMs: numberOrNull }),
    },
    counters: countsByReason,
  }),
};

export const minderStatsSchema = {
  description: 'Totals count from the start of the process; bytes and seconds.',
  ...open({
    name: text,
    version: text,
    role: text,
    uptimeSeconds: number,
    nodes: countsByReason,
    tokens: count,
    enrolments: open({ accepted: count, renewed: count, refused: countsByReason }),
    bus: open({ connected: { type: 'boolean' }, restarts: count }),
    memory: open({ rss: count }),
  }),
};

export const statsSchema = {
  description: 'Totals count from the start of the process; bytes, seconds and milliseconds.',
  ...open({
    name: text,
    version: text,
    role: text,
    uptimeSeconds: number,
    store: open({
      peers: count,
      peers4: count,
      peers6: count,
      webPeers: count,
      seeders: count,
      leechers: count,
      partialSeeds: count,
      swarms: count,
      peersMax: count,
      swarmsMax: count,
      droppedFull: count,
      bytesCommitted: count,
      bytesReserved: count,
    }),
    udp: open({
      packets: count,
      connects: count,
      announces: count,
      scrapes: count,
      errors: count,
      drops: countsByReason,
    }),
    http: open({
      requests: count,
      announces: count,
      scrapes: count,
      failures: count,
      drops: countsByReason,
      connections: count,
      connectionsTotal: count,
      connectionsRefused: count,
    }),
    save: open({ lastAt: number, lastSeconds: number, bytes: count, failures: count }),
    memory: open({ rss: count }),
  }),
};

const peerSchema = open({
  ip: text,
  port: count,
  seeder: { type: 'boolean' },
  ageSeconds: number,
  origin: { ...text, description: 'The node that heard the peer.' },
});

export const swarmSchema = {
  type: 'object',
  required: ['info_hash', 'seeders', 'leechers', 'partial_seeds', 'downloads', 'web_peers'],
  properties: {
    info_hash: text,
    seeders: count,
    leechers: { ...count, description: 'Everybody who is not a seeder, partial seeds included.' },
    partial_seeds: count,
    downloads: count,
    web_peers: count,
    peers: { type: 'array', items: peerSchema, description: 'With ?peers=1, at most 1,000.' },
  },
} as const;

export const swarmParamsSchema = {
  type: 'object',
  required: ['info_hash'],
  properties: { info_hash: { type: 'string', pattern: '^[0-9a-fA-F]{40}$' } },
} as const;

export const swarmQuerySchema = {
  type: 'object',
  properties: { peers: { type: 'string', enum: ['0', '1'], default: '0' } },
} as const;

export const digestSchema = open({ peers: count, swarms: count, digest: textOrNull });
