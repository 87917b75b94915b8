import type { MinderStats, TrackerStats } from './admin-source.js';

type Endpoint = readonly [path: string, what: string, isLink: boolean];

const ENDPOINTS: readonly Endpoint[] = [
  ['/healthz', 'whether the process is well', true],
  ['/readyz', 'whether clients are served', true],
  ['/stats.json', 'all numbers', true],
  ['/metrics', 'the same for Prometheus', true],
  ['/api/v1/cluster', 'the nodes of the cluster, as this one sees them', true],
  ['/api/v1/openapi.json', 'the description of this interface', true],
];

const TRACKER_ENDPOINTS: readonly Endpoint[] = [
  ['/api/v1/digest', 'how much is stored, for comparing trackers', true],
  ['/api/v1/swarms/INFO_HASH', 'one swarm; ?peers=1 lists its peers', false],
];

/** A page without scripts or styles that says where everything is. */
export function page({ name, version, role }: TrackerStats | MinderStats): string {
  const endpoints = role === 'tracker' ? [...ENDPOINTS, ...TRACKER_ENDPOINTS] : ENDPOINTS;
  const rows = endpoints.map(([path, what, isLink]) => {
    const label = isLink ? `<a href="${path}">${path}</a>` : path;
    return `<li>${label}: ${what}</li>`;
  });
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head><meta charset="utf-8"><title>trackerbt</title></head>',
    `<body><h1>trackerbt ${escapeHtml(version)}</h1>`,
    `<p>${escapeHtml(role)} ${escapeHtml(name)}</p>`,
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

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]);
}
