import { useMemo, useState } from 'preact/hooks';
import { formatBytes, formatMicros, formatRate, formatShort } from '../format.js';
import type { History } from '../history.js';
import { Card, Chart, type ChartSeries, chartWindowSeconds, Segments } from '../kit/index.js';

const BY_PROTOCOL: readonly ChartSeries[] = [
  { label: 'UDP', names: ['announces_udp4', 'announces_udp6'], color: '--s1' },
  { label: 'HTTP', names: ['announces_http4', 'announces_http6'], color: '--s2' },
  { label: 'WebSocket', names: ['announces_web'], color: '--s3' },
];

const BY_FAMILY: readonly ChartSeries[] = [
  { label: 'UDP IPv4', names: ['announces_udp4'], color: '--s1' },
  { label: 'UDP IPv6', names: ['announces_udp6'], color: '--s1b', dash: [4, 3] },
  { label: 'HTTP IPv4', names: ['announces_http4'], color: '--s2' },
  { label: 'HTTP IPv6', names: ['announces_http6'], color: '--s2b', dash: [4, 3] },
  { label: 'WebSocket', names: ['announces_web'], color: '--s3' },
];

const SCRAPES: readonly ChartSeries[] = [
  { label: 'UDP', names: ['scrapes_udp'], color: '--s1' },
  { label: 'HTTP', names: ['scrapes_http'], color: '--s2' },
  { label: 'WebSocket', names: ['scrapes_web'], color: '--s3' },
];

const LATENCY: readonly ChartSeries[] = [
  { label: 'median', names: ['latency_p50_us'], color: '--s4' },
  { label: '99 %', names: ['latency_p99_us'], color: '--s5' },
];

const CROWD: readonly ChartSeries[] = [
  { label: 'seeders', names: ['seeders'], color: '--s4' },
  { label: 'leechers', names: ['leechers'], color: '--s1' },
  { label: 'swarms', names: ['swarms'], color: '--s6', dash: [4, 3] },
];

const MEMORY: readonly ChartSeries[] = [
  { label: 'process', names: ['rss_bytes'], color: '--s1', fill: true },
  { label: 'store', names: ['store_bytes'], color: '--s3' },
];

const DROPS: readonly ChartSeries[] = [
  { label: 'dropped', names: ['drops'], color: '--s5', fill: true },
];

const WINDOWS = [
  { value: 300, text: '5 min' },
  { value: 900, text: '15 min' },
  { value: 3_600, text: '1 hour' },
];

/** The last hour, continued live. */
export function Charts({ history }: { readonly history: History }) {
  const [isByFamily, setByFamily] = useState(false);
  return (
    <div class="charts">
      <Card
        title="Announces per second"
        class="is-double"
        testId="chart-announces"
        tools={
          <>
            <Segments
              label="Lines by"
              options={[
                { value: 'protocol', text: 'Protocol' },
                { value: 'family', text: 'IPv4 / IPv6' },
              ]}
              value={isByFamily ? 'family' : 'protocol'}
              onChange={(value) => setByFamily(value === 'family')}
            />
            <WindowSwitch />
          </>
        }
      >
        <Chart
          label="Announces per second by protocol"
          history={history}
          series={isByFamily ? BY_FAMILY : BY_PROTOCOL}
          isStacked
          format={formatRate}
          formatAxis={formatShort}
          height={230}
        />
      </Card>
      <Card title="Time to answer" note="inside the tracker" testId="chart-latency">
        <Chart
          label="Time to answer"
          history={history}
          series={LATENCY}
          isLog
          format={formatMicros}
          height={230}
        />
      </Card>
      <Card title="Peers and swarms" testId="chart-peers">
        <Chart label="Peers and swarms" history={history} series={CROWD} format={formatShort} />
      </Card>
      <Card title="Memory" testId="chart-memory">
        <Chart label="Memory" history={history} series={MEMORY} format={formatBytes} />
      </Card>
      <Tail history={history} />
    </div>
  );
}

/** Of less interest on most days, so they share a place. */
function Tail({ history }: { readonly history: History }) {
  const [choice, setChoice] = useState<'scrapes' | 'drops'>('scrapes');
  const series = useMemo(() => (choice === 'scrapes' ? SCRAPES : DROPS), [choice]);
  return (
    <Card
      title={choice === 'scrapes' ? 'Scrapes per second' : 'Dropped per second'}
      testId="chart-scrapes"
      tools={
        <Segments
          label="Show"
          options={[
            { value: 'scrapes', text: 'Scrapes' },
            { value: 'drops', text: 'Drops' },
          ]}
          value={choice}
          onChange={setChoice}
        />
      }
    >
      <Chart
        label={choice === 'scrapes' ? 'Scrapes per second by protocol' : 'Dropped per second'}
        history={history}
        series={series}
        isStacked={choice === 'scrapes'}
        format={formatRate}
        formatAxis={formatShort}
      />
    </Card>
  );
}

/** How far back all charts of the page reach. */
export function WindowSwitch() {
  return (
    <Segments
      label="How far back"
      options={WINDOWS}
      value={chartWindowSeconds.value}
      onChange={(seconds) => {
        chartWindowSeconds.value = seconds;
      }}
    />
  );
}
