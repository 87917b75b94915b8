import { describe, expect, it } from 'vitest';
import { noCounts } from './admin-counters.js';
import { FAKE_CLUSTER, FAKE_STATS, FakeMinderSource, FakeSource } from './fake-source.testing.js';
import { Metrics } from './metrics.js';

describe('Metrics', () => {
  const lines = async (metrics: Metrics) => (await metrics.text()).split('\n');

  it('gives every number of the tracker under a name with its unit', async () => {
    const text = await lines(new Metrics(new FakeSource()));
    expect(text.filter((line) => line.startsWith('trackerbt_'))).toEqual(
      expect.arrayContaining([
        'trackerbt_ready 1',
        'trackerbt_build_info{version="0.1.0",role="tracker"} 1',
        'trackerbt_node_info{name="tracker <1>"} 1',
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
        'trackerbt_udp_packets_received_total 900',
        'trackerbt_http_requests_received_total 800',
        'trackerbt_websocket_messages_received_total 700',
        'trackerbt_requests_total{protocol="udp",action="connect",family="ipv4"} 180',
        'trackerbt_requests_total{protocol="udp",action="connect",family="ipv6"} 20',
        'trackerbt_requests_total{protocol="udp",action="announce",family="ipv4"} 359',
        'trackerbt_requests_total{protocol="udp",action="announce",family="ipv6"} 41',
        'trackerbt_requests_total{protocol="udp",action="scrape",family="ipv4"} 90',
        'trackerbt_requests_total{protocol="udp",action="scrape",family="ipv6"} 10',
        'trackerbt_requests_total{protocol="http",action="announce",family="ipv4"} 449',
        'trackerbt_requests_total{protocol="http",action="announce",family="ipv6"} 51',
        'trackerbt_requests_total{protocol="http",action="scrape",family="ipv4"} 135',
        'trackerbt_requests_total{protocol="http",action="scrape",family="ipv6"} 15',
        'trackerbt_requests_total{protocol="websocket",action="announce",family="web"} 600',
        'trackerbt_requests_total{protocol="websocket",action="scrape",family="web"} 70',
        'trackerbt_failures_total{protocol="udp"} 50',
        'trackerbt_failures_total{protocol="http"} 40',
        'trackerbt_drops_total{protocol="udp",reason="too_short"} 11',
        'trackerbt_drops_total{protocol="udp",reason="bad_magic"} 12',
        'trackerbt_drops_total{protocol="http",reason="header_too_large"} 13',
        'trackerbt_http_connections_open 9',
        'trackerbt_http_connections_total 99',
        'trackerbt_http_connections_refused_total 1',
        'trackerbt_snapshot_last_success_timestamp_seconds 1700000000.5',
        'trackerbt_snapshot_last_duration_seconds 0.25',
        'trackerbt_snapshot_last_size_bytes 12345',
        'trackerbt_snapshot_failures_total 2',
        'trackerbt_interval_stretch_ratio 1.5625',
        'trackerbt_worker_busy_ratio 0.75',
        'trackerbt_certificate_expiry_timestamp_seconds{use="https"} 1800000000.5',
      ]),
    );
  });

  it('has cumulative buckets of how long requests took', async () => {
    const text = await lines(new Metrics(new FakeSource()));
    const udp = text.filter((line) => /^trackerbt_request_duration.*"udp"/.test(line));
    expect(udp).toEqual([
      'trackerbt_request_duration_seconds_bucket{protocol="udp",le="0.001"} 1',
      'trackerbt_request_duration_seconds_bucket{protocol="udp",le="0.01"} 3',
      'trackerbt_request_duration_seconds_bucket{protocol="udp",le="+Inf"} 6',
      'trackerbt_request_duration_seconds_sum{protocol="udp"} 0.5',
      'trackerbt_request_duration_seconds_count{protocol="udp"} 6',
    ]);
  });

  it('says nothing of a certificate that is not there', async () => {
    const text = await lines(new Metrics(new FakeSource()));
    expect(text.join('\n')).not.toContain('use="cluster"');
  });

  it('calls totals counters, durations of requests a histogram, everything else gauges', async () => {
    const text = await lines(new Metrics(new FakeSource()));
    const types = text.filter((line) => line.startsWith('# TYPE trackerbt_'));
    expect(types.length).toBeGreaterThan(20);
    for (const line of types) {
      const [, , name, type] = line.split(' ');
      const isHistogram = name === 'trackerbt_request_duration_seconds';
      const other = name.endsWith('_total') ? 'counter' : 'gauge';
      expect(type, name).toBe(isHistogram ? 'histogram' : other);
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
    expect(text).toContain('trackerbt_udp_packets_received_total 901');
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
        'trackerbt_cluster_heartbeat_age_seconds{node="n2"} 0.4',
        'trackerbt_cluster_node_info{node="n1",name="a",role="tracker",version="0.1.0"} 1',
        'trackerbt_cluster_clock_offset_seconds{node="n2"} -300',
        'trackerbt_cluster_records_received_total{node="n2"} 502',
        'trackerbt_cluster_gaps_total{node="n2"} 3',
        'trackerbt_cluster_events_total{event="batch_damaged"} 4',
      ]),
    );
  });

  it('shows a name that would be lines of its own as one label', async () => {
    const name = 'a"} 1\nevil_metric{x="\\';
    const source = new FakeSource();
    source.cluster = () => {
      const [first, ...others] = FAKE_CLUSTER.nodes;
      return { ...FAKE_CLUSTER, nodes: [{ ...first, name, version: name }, ...others] };
    };
    source.statistics = { ...source.statistics, name };
    const text = await lines(new Metrics(source));
    expect(text.filter((line) => line.startsWith('evil_metric'))).toEqual([]);
    const shown = 'a\\"} 1\\nevil_metric{x=\\"\\\\';
    expect(text).toContain(`trackerbt_node_info{name="${shown}"} 1`);
    expect(text).toContain(
      `trackerbt_cluster_node_info{node="n1",name="${shown}",role="tracker",version="${shown}"} 1`,
    );
  });

  it('tells how long the lists of a minder are as levels, not as events', async () => {
    const source = new FakeMinderSource();
    const counters = { list_deny_entries: 7, batch_damaged: 4 };
    source.cluster = () => ({ ...FAKE_CLUSTER, counters });
    const text = (await lines(new Metrics(source))).join('\n');
    expect(text).toContain('trackerbt_cluster_list_entries{list="deny"} 7');
    expect(text).not.toContain('event="list_deny_entries"');
  });

  it('tells of the listener that it is read from', async () => {
    const admin = { ...noCounts(), liveListeners: 3, liveCut: 4, limitedTokens: 5, actions: 6 };
    expect(await lines(new Metrics(new FakeMinderSource(), admin))).toEqual(
      expect.arrayContaining([
        'trackerbt_admin_live_listeners 3',
        'trackerbt_admin_live_drops_total{reason="cut"} 4',
        'trackerbt_admin_limited_total{kind="token"} 5',
        'trackerbt_admin_changes_total{result="made"} 6',
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
        'trackerbt_build_info{version="0.1.0",role="minder"} 1',
        'trackerbt_node_info{name="minder"} 1',
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
