/** Where the cluster's name leads clients. */
import { formatCount, formatTime } from '../format.js';
import { Card, StateBadge } from '../kit/index.js';
import type { DnsView } from '../tick.js';
import { plainText } from './model.js';

/** More would be longer than what stands beside it; the map shows them all. */
const TRACKERS_LISTED_MAX = 6;

export function DnsCard({ dns }: { readonly dns: DnsView }) {
  const { zone, revision, services, trackers, since } = dns;
  const rest = trackers.length - TRACKERS_LISTED_MAX;
  return (
    <Card
      title="DNS"
      note={zone === '' ? 'no zone is served; this is what it would hold' : zone}
      testId="dns-card"
    >
      <dl class="facts">
        <dt>Revision</dt>
        <dd data-testid="dns-revision">
          {`${formatCount(revision)}${since > 0 ? `, since ${dayAndTime(since)}` : ''}`}
        </dd>
        <dt>Services</dt>
        <dd>
          {services.length === 0
            ? 'none'
            : services.map(({ protocol, port }) => `${protocol} ${port}`).join(', ')}
        </dd>
      </dl>
      <ul class="dns-trackers">
        {trackers.slice(0, TRACKERS_LISTED_MAX).map(({ id, name, state, addresses }) => (
          <li key={id}>
            <span class="dns-tracker">
              <strong class="wrap-anywhere">{plainText(name) || id}</strong>
              <StateBadge state={state} />
            </span>
            <span class="muted small wrap-anywhere">{addresses.join(', ')}</span>
          </li>
        ))}
      </ul>
      {rest > 0 && <p class="muted small">and {formatCount(rest)} more</p>}
      {trackers.length === 0 && <p class="muted">No tracker is in the set.</p>}
    </Card>
  );
}

function dayAndTime(ms: number): string {
  const day = new Date(ms).toDateString();
  return day === new Date().toDateString() ? formatTime(ms) : `${day} ${formatTime(ms)}`;
}
