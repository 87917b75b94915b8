import { describe, expect, it } from 'vitest';
import { FAKE_CLUSTER, FAKE_STATS, FakeMinderSource, FakeSource } from './fake-source.testing.js';
import { Metrics } from './metrics.js';

describe('Metrics', () => {
  const lines = async (metrics: Metrics) => (await metrics.text()).split('\n');

  it('gives every number of the tracker under a name with its unit', async () => {
    const text = await lines(new Metrics(new FakeSource()));
    expect(text.filter((line) => line.startsWith('trackerbt_'))).toEqual(
      expect.arrayContaining([
        'trackerbt_ready 1',
        'trackerbt_info{name="tracker <1>",version="0.1.0",role="tracker"} 1',
        'trackerbt_uptime_seconds 12.5',
        'trackerbt_store_peers{family="ipv4"} 30',
        'trackerbt_store_peers{family="ipv6"} 20',
        'trackerbt_store_peers{family="web"} 10',
        'trackerbt_store_seeders 25',
        'trackerbt_store_leechers 35',
        'trackerbt_store_partial_seeds 5',
        'trackerbt_store_swarms 7',
        'trackerbt_store_peers_max 1000',
        'trackerbt_store_swarms_max 100',
        'trackerbt_store_committed_bytes 4096',
        'trackerbt_store_reserved_bytes 8192',
        'trackerbt_store_dropped_full_total 3',
        'trackerbt_packets_total{protocol="udp"} 900',
        'trackerbt_requests_total{protocol="http"} 800',
        'trackerbt_actions_total{protocol="udp",action="connect"} 200',
        'trackerbt_actions_total{protocol="udp",action="announce"} 400',
        'trackerbt_actions_total{protocol="udp",action="scrape"} 100',
        'trackerbt_actions_total{protocol="http",action="announce"} 500',
        'trackerbt_actions_total{protocol="http",action="scrape"} 150',
        'trackerbt_failures_total{protocol="udp"} 50',
        'trackerbt_failures_total{protocol="http"} 40',
        'trackerbt_drops_total{protocol="udp",reason="too_short"} 11',
        'trackerbt_drops_total{protocol="udp",reason="bad_magic"} 12',
        'trackerbt_drops_total{protocol="http",reason="header_too_large"} 13',
        'trackerbt_http_connections 9',
        'trackerbt_http_connections_total 99',
        'trackerbt_http_connections_refused_total 1',
        'trackerbt_save_timestamp_seconds 1700000000.5',
        'trackerbt_save_duration_seconds 0.25',
        'trackerbt_save_size_bytes 12345',
        'trackerbt_save_failures_total 2',
      ]),
    );
  });

  it('calls totals counters and everything else gauges', async () => {
    const text = await lines(new Metrics(new FakeSource()));
    const types = text.filter((line) => line.startsWith('# TYPE trackerbt_'));
    expect(types.length).toBeGreaterThan(20);
    for (const line of types) {
      const [, , name, type] = line.split(' ');
      expect(type, name).toBe(name.endsWith('_total') ? 'counter' : 'gauge');
    }
  });

  it('follows the source, and forgets reasons that are gone', async () => {
    const source = new FakeSource();
    const metrics = new Metrics(source);
    await metrics.text();
    source.isReady = false;
    source.statistics = { ...FAKE_STATS, udp: { ...FAKE_STATS.udp, packets: 901, drops: {} } };
    const text = await lines(metrics);
    expect(text).toContain('trackerbt_ready 0');
    expect(text).toContain('trackerbt_packets_total{protocol="udp"} 901');
    expect(text.join('\n')).not.toContain('too_short');
  });

  it('gives the numbers of the cluster', async () => {
    const text = await lines(new Metrics(new FakeSource()));
    expect(text.filter((line) => line.startsWith('trackerbt_cluster_'))).toEqual(
      expect.arrayContaining([
        'trackerbt_cluster_bus_connected 1',
        'trackerbt_cluster_nodes{role="tracker",state="healthy"} 1',
        'trackerbt_cluster_nodes{role="tracker",state="unreachable"} 1',
        'trackerbt_cluster_nodes{role="minder",state="healthy"} 0',
        'trackerbt_cluster_lag_seconds{node="n2"} 0.012',
        'trackerbt_cluster_clock_offset_seconds{node="n2"} -300',
        'trackerbt_cluster_records_in_total{node="n2"} 502',
        'trackerbt_cluster_gaps_total{node="n2"} 3',
        'trackerbt_cluster_events_total{event="batch_damaged"} 4',
      ]),
    );
  });

  it('has nothing to say about the cluster of a tracker that stands alone', async () => {
    const source = new FakeSource();
    source.cluster = () => ({
      self: '',
      busConnected: null,
      nodes: [{ ...FAKE_CLUSTER.nodes[0], id: '' }],
      links: [],
      counters: {},
    });
    const text = await lines(new Metrics(source));
    expect(text.filter((line) => line.startsWith('trackerbt_cluster_'))).toEqual([]);
  });

  it('gives the numbers of a minder', async () => {
    const text = await lines(new Metrics(new FakeMinderSource()));
    expect(text).toEqual(
      expect.arrayContaining([
        'trackerbt_info{name="minder",version="0.1.0",role="minder"} 1',
        'trackerbt_minder_tokens 2',
        'trackerbt_minder_enrolments_total{kind="new"} 5',
        'trackerbt_minder_enrolments_total{kind="renewal"} 6',
        'trackerbt_minder_enrolments_refused_total{reason="token_used"} 7',
        'trackerbt_minder_bus_restarts_total 8',
        'trackerbt_minder_dns_trackers 3',
        'trackerbt_minder_dns_addresses{family="ipv4"} 4',
        'trackerbt_minder_dns_addresses{family="ipv6"} 5',
        'trackerbt_minder_probes_total 900',
        'trackerbt_minder_probe_attempts_total 92',
        'trackerbt_minder_probes_failed_total 91',
      ]),
    );
  });

  it('has the metrics of the process too, and a registry of its own', async () => {
    new Metrics(new FakeSource());
    const metrics = new Metrics(new FakeSource());
    expect(await metrics.text()).toContain('process_resident_memory_bytes');
    expect(metrics.contentType).toContain('text/plain');
  });
});
