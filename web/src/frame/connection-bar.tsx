import { useRef } from 'preact/hooks';
import { formatDuration } from '../format.js';
import type { PageStore } from '../store.js';

/** Says why the numbers stand still, while they do; and when the page is older than the node. */
export function ConnectionBar({ store }: { readonly store: PageStore }) {
  const { state } = store.connection.value;
  if (state === 'lost') return <Lost store={store} />;
  if (state === 'paused') return <Paused store={store} />;
  if (state === 'refused') return <Refused store={store} />;
  return <Outdated store={store} />;
}

function Lost({ store }: { readonly store: PageStore }) {
  const { heardAtMs, retryAtMs, reason } = store.connection.value;
  const now = store.nowMs.value;
  const wait = retryAtMs === undefined ? 0 : Math.ceil((retryAtMs - now) / 1000);
  return (
    <div class="bar is-bad" data-testid="connection-bar">
      <p>
        <strong>Disconnected</strong>
        {reason === undefined ? '. ' : `: ${reason}. `}
        {heardAtMs !== undefined && (
          <span data-testid="last-heard">Last heard {ago(heardAtMs, now)}. </span>
        )}
        {wait > 0 ? `Trying again in ${formatDuration(wait)}.` : 'Trying again…'}
      </p>
      <button type="button" class="button is-small" onClick={() => store.resume()}>
        Try now
      </button>
    </div>
  );
}

function Paused({ store }: { readonly store: PageStore }) {
  const { heardAtMs } = store.connection.value;
  return (
    <div class="bar" data-testid="connection-bar">
      <p>
        <strong>Paused</strong>
        {heardAtMs !== undefined && (
          <span data-testid="last-heard">
            . The numbers were heard {ago(heardAtMs, store.nowMs.value)}.
          </span>
        )}
      </p>
      <button type="button" class="button is-small" onClick={() => store.resume()}>
        Go on
      </button>
    </div>
  );
}

function Refused({ store }: { readonly store: PageStore }) {
  return (
    <div class="bar is-bad" data-testid="connection-bar">
      <p>
        <strong>The admin token is needed</strong> to read from this listener.
      </p>
      <button type="button" class="button is-small" onClick={() => store.resume()}>
        Enter the token
      </button>
    </div>
  );
}

/** After an upgrade the node is newer than the page that this tab loaded. */
function Outdated({ store }: { readonly store: PageStore }) {
  const first = useRef<string | undefined>(undefined);
  const version = store.tick.value?.stats.version;
  first.current ??= version;
  if (version === first.current) return null;
  return (
    <div class="bar" data-testid="outdated-bar">
      <p>This node was upgraded to {version}. The page is of an earlier version.</p>
      <button type="button" class="button is-small" onClick={() => location.reload()}>
        Load it again
      </button>
    </div>
  );
}

function ago(ms: number, now: number): string {
  return `${formatDuration(Math.max(0, now - ms) / 1000)} ago`;
}
