import type { ComponentChildren } from 'preact';
import { entryOf } from '../entry.js';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMillis,
  formatRate,
  formatShare,
  formatTime,
} from '../format.js';
import { Badge, Card } from '../kit/index.js';
import type { TrackerStats } from '../tick.js';

/** How hard it works, what clients are told about that, and how what it holds is kept. */
export function Upkeep({ stats }: { readonly stats: TrackerStats }) {
  return (
    <>
      <Load stats={stats} />
      <Kept stats={stats} />
    </>
  );
}

const REASONS: Readonly<Record<string, string>> = {
  busy: 'its threads are busy',
  requests: 'there are many requests',
  calming: 'load fell, it calms down',
};

function Load({ stats: { load, http, websocket } }: { readonly stats: TrackerStats }) {
  const isStretched = load.stretch > 1.005;
  return (
    <Card title="Load" testId="load">
      <dl class="facts">
        <Fact name="Busiest thread">{formatShare(load.busyShare)} of its time</Fact>
        <Fact name="Requests">{formatRate(load.requestsPerSecond)} per second</Fact>
        <Fact name="Interval told">
          {load.intervalSeconds > 0 ? formatDuration(load.intervalSeconds) : 'no client yet'}{' '}
          {isStretched && (
            <Badge
              tone="warn"
              text={`${load.stretch.toFixed(2)} times as long`}
              title={entryOf(REASONS, load.reason) ?? load.reason}
            />
          )}
        </Fact>
        {isStretched && <Fact name="Because">{entryOf(REASONS, load.reason) ?? load.reason}</Fact>}
        <Fact name="Connections">
          {formatCount(http.connections)} HTTP, {formatCount(websocket.connections)} WebSocket
        </Fact>
      </dl>
    </Card>
  );
}

const MODES = {
  open: 'open: every info hash is served',
  deny: 'all but denied info hashes are served',
  allow: 'allowed info hashes only are served',
} as const;

function Kept({ stats: { lists, save } }: { readonly stats: TrackerStats }) {
  return (
    <Card title="Lists and saved store" testId="kept">
      <dl class="facts">
        <Fact name="Mode">{entryOf(MODES, lists.mode) ?? lists.mode}</Fact>
        <Fact name="Denied">{formatCount(lists.denied)} info hashes</Fact>
        <Fact name="Allowed">{formatCount(lists.allowed)} info hashes</Fact>
        <Fact name="Last saved">
          {save.lastAt === 0
            ? 'not yet'
            : `at ${formatTime(save.lastAt)}, ${formatBytes(save.bytes)} in ${formatMillis(save.lastSeconds * 1000)}`}
        </Fact>
        {save.failures > 0 && (
          <Fact name="Failed">
            <Badge tone="bad" text={`${formatCount(save.failures)} saves: see the log`} />
          </Fact>
        )}
      </dl>
    </Card>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div class="facts-row">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
