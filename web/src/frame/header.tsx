import { formatDuration } from '../format.js';
import { Badge, KeyIcon, MoonIcon, PauseIcon, PlayIcon, SunIcon, type Tone } from '../kit/index.js';
import type { PageStore } from '../store.js';
import { theme, toggleTheme } from '../theme.js';
import type { Tick } from '../tick.js';

/** Who this is, how it is, and how well we hear it. */
export function Header({ store }: { readonly store: PageStore }) {
  const tick = store.tick.value;
  const { state } = store.connection.value;
  const isPaused = state === 'paused';
  const isDark = theme.value === 'dark';
  return (
    <header class="header">
      <div class="header-inner">
        <Logo />
        <div class="identity">
          <h1 class="identity-name" data-testid="node-name">
            {tick?.stats.name || 'trackerbt'}
          </h1>
          {tick !== undefined && <Identity tick={tick} />}
        </div>
        {tick !== undefined && <NodeBadge tick={tick} isStale={store.isStale.value} />}
        <div class="header-tools">
          <ConnectionBadge state={state} />
          <button
            type="button"
            class="button is-quiet is-icon"
            aria-label={isPaused ? 'Go on' : 'Pause'}
            title={isPaused ? 'Go on' : 'Pause'}
            data-testid="pause"
            onClick={() => (isPaused ? store.resume() : store.pause())}
          >
            {isPaused ? <PlayIcon /> : <PauseIcon />}
          </button>
          {store.hasToken.value && (
            <button
              type="button"
              class="button is-quiet is-icon"
              aria-label="Forget the token"
              title="Forget the token"
              data-testid="forget-token"
              onClick={() => store.forgetToken()}
            >
              <KeyIcon />
            </button>
          )}
          <button
            type="button"
            class="button is-quiet is-icon"
            aria-label={isDark ? 'Use light colours' : 'Use dark colours'}
            title={isDark ? 'Light' : 'Dark'}
            data-testid="theme"
            onClick={toggleTheme}
          >
            {isDark ? <SunIcon /> : <MoonIcon />}
          </button>
        </div>
      </div>
    </header>
  );
}

function Identity({ tick }: { readonly tick: Tick }) {
  const { role, version, uptimeSeconds } = tick.stats;
  return (
    <p class="identity-facts num">
      <span data-testid="role">{role}</span>
      <span data-testid="version">{version}</span>
      <span>
        up <span data-testid="uptime">{formatDuration(uptimeSeconds)}</span>
      </span>
    </p>
  );
}

/** What the node says of itself; its own entry comes first in what it tells of the cluster. */
function NodeBadge({ tick, isStale }: { readonly tick: Tick; readonly isStale: boolean }) {
  const { tone, text } = nodeState(tick);
  return <Badge tone={isStale ? 'off' : tone} text={text} testId="node-state" />;
}

function nodeState({ stats, cluster }: Tick): { tone: Tone; text: string } {
  if (stats.role === 'tracker' && stats.load.draining) return { tone: 'warn', text: 'draining' };
  const self = cluster.nodes.find(({ id }) => id === cluster.self) ?? cluster.nodes[0];
  switch (self?.state) {
    case undefined:
    case 'healthy':
      return { tone: 'ok', text: 'ready' };
    case 'joining':
      return { tone: 'info', text: 'starting' };
    case 'draining':
      return { tone: 'warn', text: 'draining' };
    default:
      return { tone: 'bad', text: self.reason ? `${self.state} (${self.reason})` : self.state };
  }
}

const CONNECTION: Readonly<Record<string, { tone: Tone; text: string }>> = {
  connecting: { tone: 'info', text: 'connecting' },
  live: { tone: 'ok', text: 'live' },
  paused: { tone: 'off', text: 'paused' },
  lost: { tone: 'bad', text: 'disconnected' },
  refused: { tone: 'bad', text: 'not allowed' },
};

/** Announced when it changes, and only then: numbers change each second. */
function ConnectionBadge({ state }: { readonly state: string }) {
  const { tone, text } = CONNECTION[state];
  return (
    <span role="status" class="connection" data-testid="connection" data-state={state}>
      <Badge tone={tone} text={text} />
    </span>
  );
}

function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect class="logo-ground" width="32" height="32" rx="7" />
      <g class="logo-lines">
        <path d="M16 16 7.5 9M16 16l9-6.5M16 16l-5 9M16 16l7.5 7" />
      </g>
      <g class="logo-nodes">
        <circle cx="16" cy="16" r="4.2" />
        <circle cx="7.5" cy="9" r="2.6" />
        <circle cx="25" cy="9.5" r="2.6" />
        <circle cx="11" cy="25" r="2.6" />
        <circle cx="23.5" cy="23" r="2.6" />
      </g>
    </svg>
  );
}
