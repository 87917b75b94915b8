import type { AdminSource, MinderStats, TrackerStats } from './admin-source.js';

type Endpoint = readonly [path: string, what: string, isLink: boolean];

const ENDPOINTS: readonly Endpoint[] = [
  ['/healthz', 'whether the process is well', true],
  ['/readyz', 'whether clients are served', true],
  ['/stats.json', 'all numbers', true],
  ['/metrics', 'the same for Prometheus', true],
  ['/api/v1/now', 'how this node is now, as charts have it', true],
  ['/api/v1/live', 'the same each second, as server-sent events', false],
  ['/api/v1/history', 'the last hour, as charts have it', true],
  ['/api/v1/cluster', 'the nodes of the cluster, as this one sees them', true],
  ['/api/v1/openapi.json', 'the description of this interface', true],
];

const TRACKER_ENDPOINTS: readonly Endpoint[] = [
  ['/api/v1/digest', 'how much is stored, for comparing trackers', true],
  ['/api/v1/busiest', 'the swarms with most peers', true],
  ['/api/v1/swarms/INFO_HASH', 'one swarm; ?peers=1 lists its peers', false],
];

const MINDER_ENDPOINTS: readonly Endpoint[] = [
  ['/api/v1/dns', 'the trackers that clients are sent to', true],
  ['/api/v1/settings', 'what all trackers are told', true],
  ['/api/v1/lists/deny', 'info hashes that are denied', true],
];

/**
 * A page without scripts or styles that says where everything is, for an installation whose page has
 * not been built. `who` only where that may be told.
 */
export function page(role: AdminSource['role'], who?: TrackerStats | MinderStats): string {
  const endpoints = [...ENDPOINTS, ...(role === 'tracker' ? TRACKER_ENDPOINTS : MINDER_ENDPOINTS)];
  const rows = endpoints.map(([path, what, isLink]) => {
    const label = isLink ? `<a href="${path}">${path}</a>` : path;
    return `<li>${label}: ${what}</li>`;
  });
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head><meta charset="utf-8"><title>trackerbt</title></head>',
    `<body><h1>trackerbt ${escapeHtml(who?.version ?? '')}</h1>`,
    `<p>${escapeHtml(role)} ${escapeHtml(who?.name ?? '')}</p>`,
    '<p>The page itself has not been built: <code>npm run build</code> does that.</p>',
    '<ul>',
    ...rows,
    '</ul></body></html>',
    '',
  ].join('\n');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]);
}
