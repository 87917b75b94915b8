import { Card, CopyButton } from '../kit/index.js';
import type { TrackerStats } from '../tick.js';

/** What operators hand out, and where it is answered. */
export function Serves({ stats }: { readonly stats: TrackerStats }) {
  const { announceUrls, listen } = stats;
  const bound = [
    { protocol: 'UDP', addresses: listen.udp },
    { protocol: 'HTTP, WebSocket', addresses: listen.http },
    { protocol: 'HTTPS, WebSocket', addresses: listen.https },
  ].filter(({ addresses }) => addresses.length > 0);
  return (
    <Card
      title="Announce URLs"
      testId="serves"
      tools={
        announceUrls.length > 1 && (
          <CopyButton
            text={`${announceUrls.join('\n\n')}\n`}
            what="all announce URLs"
            label="All"
          />
        )
      }
    >
      {announceUrls.length === 0 && (
        <p class="muted">None that this tracker knows: set advertise to tell it its public name.</p>
      )}
      <ul class="urls">
        {announceUrls.map((url) => (
          <li key={url}>
            <code data-testid="announce-url">{url}</code>
            <CopyButton text={url} what={url} />
          </li>
        ))}
      </ul>
      {bound.length > 0 && (
        <dl class="facts small bound">
          {bound.map(({ protocol, addresses }) => (
            <div key={protocol} class="facts-row">
              <dt>{protocol}</dt>
              <dd class="mono">{addresses.join(' ')}</dd>
            </div>
          ))}
        </dl>
      )}
    </Card>
  );
}
