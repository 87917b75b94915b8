/** The metrics of a minder, from the numbers of `/stats.json`. */
import type { MinderStats } from './admin-source.js';
import { COMMON_GAUGES, type Metric, type MetricGroup } from './metric.js';

const GAUGES: readonly Metric<MinderStats>[] = [
  ...COMMON_GAUGES,
  { name: 'minder_tokens', help: 'Join tokens that are good.', read: ({ tokens }) => tokens },
  {
    name: 'minder_dns_trackers',
    help: 'Trackers that clients are sent to.',
    read: ({ dns }) => dns.trackers,
  },
  {
    name: 'minder_dns_addresses',
    help: 'Addresses that clients are sent to.',
    labels: ['family'],
    read: ({ dns }) => [
      [{ family: 'ipv4' }, dns.addresses4],
      [{ family: 'ipv6' }, dns.addresses6],
    ],
  },
];

const COUNTERS: readonly Metric<MinderStats>[] = [
  {
    name: 'minder_enrolments_total',
    help: 'Nodes that got a certificate, for the first time or again.',
    labels: ['kind'],
    read: ({ enrolments }) => [
      [{ kind: 'new' }, enrolments.accepted],
      [{ kind: 'renewal' }, enrolments.renewed],
    ],
  },
  {
    name: 'minder_enrolments_refused_total',
    help: 'Requests for a certificate that were refused.',
    labels: ['reason'],
    read: ({ enrolments }) =>
      Object.entries(enrolments.refused).map(([reason, count]) => [{ reason }, count]),
  },
  {
    name: 'minder_bus_restarts_total',
    help: "Times that the bus's server was started again.",
    read: ({ bus }) => bus.restarts,
  },
  {
    name: 'minder_probes_total',
    help: 'Probes of addresses of trackers.',
    read: ({ probes }) => probes.sent,
  },
  {
    name: 'minder_probe_attempts_total',
    help: 'Probes of addresses that nobody had proven.',
    read: ({ probes }) => probes.attempts,
  },
  {
    name: 'minder_probes_failed_total',
    help: 'Probes of proven addresses that failed.',
    read: ({ probes }) => probes.failed,
  },
];

export const MINDER_METRICS: MetricGroup<MinderStats> = { gauges: GAUGES, counters: COUNTERS };
