/**
 * The minder's page: the cluster at a glance, the live map with its list beside it, the last hour, and
 * what an operator can do.
 */
import { signal, useSignalEffect } from '@preact/signals';
import { useMemo, useState } from 'preact/hooks';
import { formatCount, formatRate } from '../format.js';
import { Card, Chart, type ChartSeries, Segments } from '../kit/index.js';
import type { PageStore } from '../store.js';
import { ClusterActions } from './actions.js';
import { ClusterWatch } from './cluster-watch.js';
import { DenyDialog } from './deny-dialog.js';
import { DnsCard } from './dns-card.js';
import { EventList, EventVoice } from './event-list.js';
import './map.css';
import './minder.css';
import { MapLegend } from './map-tools.js';
import { NetworkMap } from './network-map.js';
import { NodeDetails } from './node-details.js';
import { NodeTable } from './node-table.js';
import type { SizeBy } from './node-words.js';
import { Summary } from './summary.js';
import { AddNodeDialog } from './token-dialog.js';
import { TokensDialog } from './tokens-dialog.js';
import { useWidth } from './use-width.js';

type Open = 'add' | 'tokens' | 'deny';

/** The width of the details, and the width of a map beside which they find room. */
const DETAILS_PX = 316;
const ROOMY_PX = 640;

const CHARTS: readonly {
  readonly title: string;
  readonly series: readonly ChartSeries[];
  readonly format: (value: number) => string;
  readonly formatAxis?: (value: number) => string;
}[] = [
  {
    title: 'Trackers',
    series: [{ label: 'healthy', names: ['trackers_healthy'], color: '--s4', fill: true }],
    format: (value) => formatCount(Math.round(value)),
    // There is no half tracker.
    formatAxis: (value) => (Number.isInteger(value) ? formatCount(value) : ''),
  },
  {
    title: 'Requests per second',
    series: [{ label: 'all trackers', names: ['requests'], color: '--s1', fill: true }],
    format: formatRate,
  },
  {
    title: 'Records per second',
    series: [{ label: 'all links', names: ['records'], color: '--s3', fill: true }],
    format: formatRate,
  },
];

export function MinderView({ store }: { readonly store: PageStore }) {
  const watched = useWatch(store);
  const actions = useMemo(() => new ClusterActions(store.api), [store]);
  const [selected, setSelected] = useState<string>();
  const [sizeBy, setSizeBy] = useState<SizeBy>('peers');
  const [open, setOpen] = useState<Open>();
  const { ref, width } = useWidth();
  const tick = store.tick.value;
  const { model, log } = watched.value;
  if (tick === undefined || model === undefined) return null;
  const node = selected === undefined ? undefined : model.byId.get(selected);
  const isBeside = width >= ROOMY_PX;
  const select = (id: string | undefined) => {
    setSelected(id);
    if (id === undefined && selected !== undefined) focusNode(selected);
  };
  const close = () => setOpen(undefined);
  return (
    <div class="minder" data-testid="minder-view">
      <Summary store={store} tick={tick} model={model} />
      <div class="minder-main">
        <Card
          title="Network"
          class="map-card"
          flush
          testId="map-card"
          tools={
            <>
              <Segments
                label="What the size of a tracker shows"
                options={[
                  { value: 'peers', text: 'Peers' },
                  { value: 'requests', text: 'Requests/s' },
                ]}
                value={sizeBy}
                onChange={setSizeBy}
              />
              <button
                type="button"
                class="button is-primary is-small"
                data-testid="add-node"
                onClick={() => setOpen('add')}
              >
                Add a node…
              </button>
            </>
          }
        >
          <div ref={ref} class="map-stage">
            <NetworkMap
              model={model}
              sizeBy={sizeBy}
              selected={node?.id}
              onSelect={select}
              covered={node !== undefined && isBeside ? DETAILS_PX : 0}
              isLive={!store.isStale.value}
            />
            <MapLegend />
            {node !== undefined && (
              <NodeDetails node={node} model={model} actions={actions} onSelect={select} />
            )}
          </div>
        </Card>
        <Card
          title="Nodes"
          class="list-card"
          flush
          note={`${formatCount(model.nodes.length)} in all`}
          testId="list-card"
          tools={
            <>
              <button
                type="button"
                class="button is-small"
                data-testid="tokens"
                onClick={() => setOpen('tokens')}
              >
                Join tokens…
              </button>
              <button
                type="button"
                class="button is-small"
                data-testid="deny-list"
                onClick={() => setOpen('deny')}
              >
                Deny list…
              </button>
            </>
          }
        >
          <NodeTable model={model} selected={node?.id} onSelect={setSelected} />
        </Card>
      </div>
      <div class="minder-charts">
        {CHARTS.map(({ title, ...chart }) => (
          <Card key={title} title={title} note="the last hour">
            <Chart label={title} history={store.history} height={150} {...chart} />
          </Card>
        ))}
      </div>
      <div class="minder-foot">
        <Card title="Events" note="since this page was opened" testId="events-card">
          <EventList log={log} />
        </Card>
        {tick.dns !== undefined && <DnsCard dns={tick.dns} />}
      </div>
      <EventVoice log={log} />
      {open === 'add' && <AddNodeDialog actions={actions} onClose={close} />}
      {open === 'tokens' && <TokensDialog actions={actions} onClose={close} />}
      {open === 'deny' && <DenyDialog actions={actions} onClose={close} />}
    </div>
  );
}

/** Each tick counts once, whatever is drawn in between. */
function useWatch(store: PageStore) {
  const { watch, watched } = useMemo(() => {
    const made = new ClusterWatch();
    return { watch: made, watched: signal({ model: made.model, log: made.log }) };
  }, [store]);
  useSignalEffect(() => {
    const tick = store.tick.value;
    if (tick === undefined) return;
    watch.take(tick);
    watched.value = { model: watch.model, log: watch.log };
  });
  return watched;
}

/** Where the reader was before the details came. */
function focusNode(id: string): void {
  const selector = `[data-node="${CSS.escape(id)}"] [role=button]`;
  document.querySelector<SVGElement>(selector)?.focus({ preventScroll: true });
}
