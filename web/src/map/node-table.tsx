/** The same as the map, as a table: for phones, screen readers, and whoever wants to sort. */
import { formatCount, formatDuration, formatMillis, formatRate, formatShort } from '../format.js';
import { type Column, StateBadge, Table } from '../kit/index.js';
import { awayMs, type MapModel, type MapNode } from './model.js';
import { RoleIcon } from './node-glyph.js';
import { lagText } from './node-words.js';

export interface NodeTableProps {
  readonly model: MapModel;
  readonly selected: string | undefined;
  readonly onSelect: (id: string) => void;
}

/** Longer lists begin with those in trouble; shorter ones stay as they are, by name. */
const TROUBLE_FIRST_FROM = 20;
const TROUBLE_FIRST = { key: 'state', descending: false };
const STATE_ORDER = ['unreachable', 'draining', 'joining', 'healthy', 'revoked'];

export function NodeTable({ model, selected, onSelect }: NodeTableProps) {
  return (
    <Table
      label="Nodes of the cluster"
      columns={columns(model.atMs, onSelect)}
      rows={model.nodes}
      rowKey={({ id }) => id}
      isSelected={({ id }) => id === selected}
      {...(model.nodes.length > TROUBLE_FIRST_FROM ? { sortBy: TROUBLE_FIRST } : {})}
      empty="No node has joined yet."
      testId="node-table"
    />
  );
}

function columns(atMs: number, onSelect: (id: string) => void): readonly Column<MapNode>[] {
  return [
    {
      key: 'name',
      head: 'Node',
      nowrap: true,
      sort: ({ view }) => view.name,
      cell: ({ id, view, isSelf }) => (
        <span class="node-cell">
          <RoleIcon kind={view.role} />
          <button type="button" class="link-button node-name" onClick={() => onSelect(id)}>
            <span class="visually-hidden">{view.role} </span>
            {view.name || id}
          </button>
          {isSelf && <span class="muted small">here</span>}
        </span>
      ),
    },
    {
      key: 'state',
      head: 'State',
      nowrap: true,
      sort: ({ view }) => STATE_ORDER.indexOf(view.state),
      cell: (node) => <State node={node} atMs={atMs} />,
    },
    number('lag', 'Lag', ({ view }) => view.lagMs, lagText),
    number('peers', 'Peers', ({ view }) => trackerOnly(view.role, view.peers), formatShort),
    number(
      'requests',
      'Requests/s',
      // What a tracker said last is not what it does now.
      ({ view }) =>
        view.state === 'unreachable' ? undefined : trackerOnly(view.role, view.requestsPerSecond),
      formatRate,
    ),
    number(
      'records',
      'Records/s',
      ({ view, recordsInPerSecond }) => trackerOnly(view.role, recordsInPerSecond),
      formatRate,
      'Records that it hears from the others',
    ),
    number(
      'gaps',
      'Gaps',
      ({ view }) => trackerOnly(view.role, view.gaps),
      formatCount,
      'Times that batches of changes were missing',
    ),
    number('clock', 'Clock', ({ view }) => view.clockOffsetMs, formatMillis, 'Its clock less ours'),
    {
      key: 'version',
      head: 'Version',
      nowrap: true,
      sort: ({ view }) => view.version,
      cell: ({ view }) => view.version,
    },
  ];
}

function State({ node, atMs }: { readonly node: MapNode; readonly atMs: number }) {
  const ms = awayMs(node, atMs);
  return (
    <>
      <StateBadge state={node.view.state} reason={node.view.reason} />
      {ms !== null && <span class="node-away num">{`for ${formatDuration(ms / 1_000)}`}</span>}
    </>
  );
}

function number(
  key: string,
  head: string,
  value: (node: MapNode) => number | null | undefined,
  format: (value: number | null | undefined) => string,
  title?: string,
): Column<MapNode> {
  return {
    key,
    head,
    end: true,
    nowrap: true,
    descending: true,
    sort: value,
    cell: (node) => format(value(node)),
    ...(title === undefined ? {} : { title }),
  };
}

/** Minders have none. */
function trackerOnly<T>(role: string, value: T): T | undefined {
  return role === 'tracker' ? value : undefined;
}
