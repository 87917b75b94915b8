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

const probeSchema = open({
  address: { ...text, description: 'URL with an IP address.' },
  state: { type: 'string', enum: ['unverified', 'well', 'dead', 'unknown'] },
  rttMs: numberOrNull,
  error: { ...textOrNull, description: 'Why the last probe failed, in a word.' },
});

const nodeStateSchema = {
  type: 'string',
  enum: ['joining', 'healthy', 'draining', 'unreachable', 'revoked'],
} as const;

const knownNodeSchema = open({
  id: text,
  name: text,
  role: { type: 'string', enum: ['tracker', 'minder'] },
  version: text,
  state: nodeStateSchema,
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

const nodeSchema = {
  ...knownNodeSchema,
  properties: {
    ...knownNodeSchema.properties,
    probes: {
      type: 'array',
      items: probeSchema,
      description: 'Of a tracker, as a minder sees it: what probes found at its addresses.',
    },
  },
};

export const dnsSchema = {
  description: 'The trackers that clients are sent to.',
  ...open({
    zone: { ...text, description: 'Empty when this minder serves no zone.' },
    revision: { ...count, description: 'Grows with every change, over restarts too.' },
    addresses4: { type: 'array', items: text },
    addresses6: { type: 'array', items: text },
    services: {
      type: 'array',
      items: open({ protocol: { type: 'string', enum: ['udp', 'http', 'https'] }, port: count }),
      description: 'The most common first.',
    },
    trackers: {
      type: 'array',
      items: open({
        id: text,
        name: text,
        state: nodeStateSchema,
        addresses: { type: 'array', items: text },
      }),
      description: 'None of them healthy: the last set stays.',
    },
    since: { ...count, description: 'When it changed last, ms since 1970; 0 for never.' },
  }),
};

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
    probes: open({
      sent: count,
      failed: { ...count, description: 'Of addresses that had been proven.' },
      attempts: { ...count, description: 'Of those sent: of addresses that had not.' },
    }),
    dns: open({ trackers: count, addresses4: count, addresses6: count }),
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
      handshakes: { ...count, description: 'TLS handshakes done.' },
      handshakesResumed: count,
      handshakesOpen: count,
    }),
    websocket: open({
      messages: count,
      announces: count,
      scrapes: count,
      failures: count,
      offersMade: count,
      offersDelivered: count,
      answersDelivered: count,
      drops: countsByReason,
      connections: count,
      connectionsTotal: count,
      connectionsRefused: count,
    }),
    load: open({
      busyShare: { ...number, description: 'Of the busiest worker, in the last second.' },
      requestsPerSecond: number,
      stretch: { ...number, description: 'How many times the interval is longer under load.' },
      intervalSeconds: { ...number, description: 'What clients are told now.' },
      draining: { type: 'boolean' },
      reason: { ...text, description: 'Of the stretch: busy, requests, calming, or empty.' },
    }),
    lists: open({
      mode: { type: 'string', enum: ['open', 'deny', 'allow'] },
      denied: { ...count, description: 'Info hashes on the list.' },
      allowed: count,
      refused: open({ udp: count, http: count, websocket: count }),
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
