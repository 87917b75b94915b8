/** Everything that this minder knows of one node, and what can be done with it. */
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { entryOf } from '../entry.js';
import {
  formatCount,
  formatDuration,
  formatMillis,
  formatName,
  formatRate,
  UNKNOWN,
} from '../format.js';
import { Badge, CloseIcon, StateBadge, type Tone } from '../kit/index.js';
import type { NodeView } from '../tick.js';
import type { ClusterActions } from './actions.js';
import { Failure } from './form.js';
import { awayMs, type MapLink, type MapModel, type MapNode } from './model.js';
import { RoleIcon } from './node-glyph.js';
import { lagText } from './node-words.js';
import { RevokeDialog } from './revoke-dialog.js';
import { useTask } from './use-task.js';

export interface NodeDetailsProps {
  readonly node: MapNode;
  readonly model: MapModel;
  readonly actions: ClusterActions;
  readonly onSelect: (id: string | undefined) => void;
}

/** Links listed in each direction; the picture has them all. */
const LINKS_LISTED_MAX = 32;

export function NodeDetails({ node, model, actions, onSelect }: NodeDetailsProps) {
  const { view } = node;
  const title = useId();
  const panel = useRef<HTMLElement>(null);
  // Another node is another text: begin at its top.
  useEffect(() => panel.current?.scrollTo(0, 0), [node.id]);
  return (
    <aside
      ref={panel}
      class="details"
      aria-labelledby={title}
      data-testid="node-details"
      data-node-id={node.id}
      onKeyDown={(event) => {
        // Of a dialog within, Escape is its own.
        const isInDialog =
          event.target instanceof Element && event.target.closest('dialog') !== null;
        if (event.key === 'Escape' && !isInDialog) onSelect(undefined);
      }}
    >
      <header class="details-head">
        <RoleIcon kind={view.role} />
        <h3 class="details-name" id={title}>
          {view.name || node.id}
        </h3>
        <button
          type="button"
          class="button is-quiet is-icon"
          aria-label="Close details"
          onClick={() => onSelect(undefined)}
        >
          <CloseIcon />
        </button>
      </header>
      <p class="details-state">
        <StateBadge state={view.state} reason={view.reason} />
        <Away node={node} atMs={model.atMs} />
      </p>
      <Facts node={node} />
      <Addresses view={view} />
      <Links title="Hears from" model={model} id={node.id} way="in" onSelect={onSelect} />
      <Links title="Sends to" model={model} id={node.id} way="out" onSelect={onSelect} />
      {!node.isSelf && view.state !== 'revoked' && <NodeActions view={view} actions={actions} />}
    </aside>
  );
}

function Away({ node, atMs }: { readonly node: MapNode; readonly atMs: number }) {
  const ms = awayMs(node, atMs);
  if (ms === null) return null;
  return <span class="muted small num">for {formatDuration(ms / 1_000)}</span>;
}

function Facts({ node }: { readonly node: MapNode }) {
  const { view, recordsInPerSecond, recordsOutPerSecond } = node;
  const isTracker = view.role === 'tracker';
  const isAway = view.state === 'unreachable';
  const lag =
    view.lagP99Ms === undefined || view.lagP99Ms === null
      ? lagText(view.lagMs)
      : `${lagText(view.lagMs)}, 99 of 100 within ${lagText(view.lagP99Ms)}`;
  return (
    <dl class="facts details-facts">
      {isTracker && (
        <>
          <Fact name="Peers" value={formatCount(view.peers)} />
          <Fact name="Swarms" value={formatCount(view.swarms)} />
          <Fact
            name="Requests"
            value={`${formatRate(isAway ? undefined : view.requestsPerSecond)} /s`}
          />
          <Fact name="Interval" value={formatDuration(view.intervalSeconds)} />
          <Fact
            name="Lag"
            value={lag}
            title="The longest that any node waited for its last batch"
          />
          <Fact
            name="Records in"
            value={`${formatCount(view.recordsIn)} (${formatRate(recordsInPerSecond)} /s)`}
          />
          <Fact
            name="Records out"
            value={`${formatCount(view.recordsOut)} (${formatRate(recordsOutPerSecond)} /s)`}
          />
          <Fact
            name="Gaps"
            value={formatCount(view.gaps)}
            title="Times that batches were missing"
          />
        </>
      )}
      {!node.isSelf && (
        <>
          <Fact name="Heartbeat" value={beatText(view)} />
          <Fact name="Clock" value={clockText(view)} title="Its clock less this minder's" />
        </>
      )}
      <Fact name="Version" value={view.version || UNKNOWN} />
      {isTracker && <Fact name="Digest" value={view.digest ?? UNKNOWN} isMono />}
      <Fact name="Id" value={node.id} isMono />
      {node.isSelf && <Fact name="Here" value="This page is this minder's." />}
    </dl>
  );
}

interface FactProps {
  readonly name: string;
  readonly value: string;
  readonly title?: string;
  readonly isMono?: boolean;
}

function Fact({ name, value, title, isMono }: FactProps) {
  return (
    <>
      <dt title={title}>{name}</dt>
      <dd class={isMono ? 'mono' : undefined} data-fact={name.toLowerCase().replace(' ', '-')}>
        {value}
      </dd>
    </>
  );
}

function beatText({ lastHeartbeatMs }: NodeView): string {
  if (lastHeartbeatMs === null) return 'none yet';
  const seconds = lastHeartbeatMs / 1_000;
  return seconds < 3 ? 'just now' : `${formatDuration(seconds)} ago`;
}

function clockText({ clockOffsetMs }: NodeView): string {
  if (clockOffsetMs === null) return UNKNOWN;
  const sign = clockOffsetMs > 0 ? '+' : clockOffsetMs < 0 ? '−' : '';
  return `${sign}${formatMillis(Math.abs(clockOffsetMs))}`;
}

const PROBE_TONES: Readonly<Record<string, Tone>> = {
  well: 'ok',
  dead: 'bad',
  unverified: 'info',
  unknown: 'off',
};

/** What probes found, and the addresses that nobody probes. */
function Addresses({ view }: { readonly view: NodeView }) {
  const probes = view.probes ?? [];
  const probed = new Set(probes.map(({ address }) => address));
  const others = [...new Set(view.addresses)].filter((address) => !probed.has(address));
  if (probes.length + others.length === 0) return null;
  return (
    <section aria-label="Addresses">
      <h4 class="details-section">Addresses</h4>
      <ul class="details-addresses">
        {probes.map(({ address, state, rttMs, error }) => (
          <li key={address}>
            <code class="wrap-anywhere">{address}</code>
            <Badge tone={entryOf(PROBE_TONES, state) ?? 'off'} text={state} testId="probe" />
            <span class="muted small num">
              {error === null ? formatMillis(rttMs) : formatName(error)}
            </span>
          </li>
        ))}
        {others.map((address) => (
          <li key={address}>
            <code class="wrap-anywhere">{address}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface LinksProps {
  readonly title: string;
  readonly model: MapModel;
  readonly id: string;
  readonly way: 'in' | 'out';
  readonly onSelect: (id: string) => void;
}

function Links({ title, model, id, way, onSelect }: LinksProps) {
  const otherOf = ({ from, to }: MapLink) => (way === 'in' ? from : to);
  const links = model.links
    .filter(({ from, to }) => (way === 'in' ? to : from) === id)
    .toSorted((a, b) => b.recordsPerSecond - a.recordsPerSecond);
  if (links.length === 0) return null;
  const rest = links.length - LINKS_LISTED_MAX;
  return (
    <section aria-label={title}>
      <h4 class="details-section">{title}</h4>
      <ul class="details-links" data-testid={`links-${way}`}>
        {links.slice(0, LINKS_LISTED_MAX).map((link) => {
          const other = otherOf(link);
          return (
            <li key={link.id}>
              <button type="button" class="link-button" onClick={() => onSelect(other)}>
                {model.byId.get(other)?.view.name || other}
              </button>
              <span class="num">{formatRate(link.recordsPerSecond)} records/s</span>
              <span class="num muted">
                {link.lagMs === null ? '' : `lag ${lagText(link.lagMs)}`}
              </span>
            </li>
          );
        })}
      </ul>
      {rest > 0 && <p class="muted small">and {rest} more</p>}
    </section>
  );
}

interface NodeActionsProps {
  readonly view: NodeView;
  readonly actions: ClusterActions;
}

function NodeActions({ view, actions }: NodeActionsProps) {
  const [isRevoking, setRevoking] = useState(false);
  const task = useTask();
  const isDraining = view.state === 'draining';
  const name = view.name || view.id;
  return (
    <div class="details-actions">
      <Failure error={task.error} />
      {view.role === 'tracker' && (
        <button
          type="button"
          class="button is-small"
          data-testid="drain"
          aria-label={isDraining ? `End the drain of ${name}` : `Drain ${name}`}
          disabled={task.isBusy}
          title={isDraining ? 'Clients may come again' : 'Send its clients to the other trackers'}
          onClick={() =>
            task.run(() => (isDraining ? actions.endDrain(view.id) : actions.drain(view.id)))
          }
        >
          {isDraining ? 'End drain' : 'Drain'}
        </button>
      )}
      <button
        type="button"
        class="button is-danger is-small"
        data-testid="revoke"
        aria-label={`Revoke ${name}`}
        onClick={() => setRevoking(true)}
      >
        Revoke…
      </button>
      {isRevoking && (
        <RevokeDialog node={view} actions={actions} onClose={() => setRevoking(false)} />
      )}
    </div>
  );
}
