/** Examples of requests and replies, for the OpenAPI document. A test holds them against the schemas. */
const NOW_MS = 1_767_225_600_000;

export const token = {
  id: '3f2a9c01b7de',
  role: 'tracker',
  state: 'valid',
  createdMs: NOW_MS,
  expiresMs: NOW_MS + 3_600_000,
  uses: 0,
  usesMax: 1,
  cidr: '',
} as const;

export const tokens = { tokens: [token] };

export const newToken = {
  id: token.id,
  token: 'TOKEN',
  command: 'npx trackerbt tracker --join https://minder.example.org:7443 --token TOKEN',
};

export const drain = {
  id: 'n7f3k2m9q4x8',
  name: 'tracker-a',
  draining: true,
  state: 'draining',
  reason: 'operator',
  requestsPerSecond: 12.5,
  quietSeconds: null,
  inDns: false,
  healthyOthers: 2,
};

export const revocation = { id: drain.id, live: true, effectiveMs: NOW_MS + 4 };

export const entry = {
  info_hash: '0123456789abcdef0123456789abcdef01234567',
  reason: 'court order 12/2026',
  sinceMs: NOW_MS,
  by: 'm1c8d2e6f0a4',
  expiresMs: null,
};

export const listPage = { total: 1, entries: [entry], more: false };

export const settings = { intervalSeconds: 1_800, numwantMax: null, listMode: null };
