import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, describeError } from '../api.js';
import { formatCount, formatDuration } from '../format.js';
import { parseInfoHash } from '../info-hash.js';
import { Card, type Column, CopyButton, SearchIcon, Table } from '../kit/index.js';
import type { PageStore } from '../store.js';
import type { PeerView } from '../tick.js';
import { Roles } from './roles.js';

interface SwarmReply {
  readonly info_hash: string;
  readonly seeders: number;
  readonly leechers: number;
  readonly partial_seeds: number;
  readonly downloads: number;
  readonly web_peers: number;
  readonly peers?: readonly PeerView[];
}

/** What is looked up; other parts of the page may ask for a swarm. */
export const wantedHash = signal<string | undefined>(undefined);

/** As many as the listener lists at most. */
const PEERS_LISTED_MAX = 1_000;

type Found =
  | { readonly state: 'loading' }
  | { readonly state: 'found'; readonly swarm: SwarmReply }
  | { readonly state: 'unknown' }
  | { readonly state: 'failed'; readonly why: string };

/** Finds a swarm by its info hash, in whatever form the operator has it. */
export function LookUp({ store }: { readonly store: PageStore }) {
  const [text, setText] = useState('');
  const [isInvalid, setInvalid] = useState(false);
  const hash = wantedHash.value;
  const card = useRef<HTMLDivElement>(null);
  const isOurs = useRef(false);
  useEffect(() => {
    if (hash === undefined || isOurs.current) {
      isOurs.current = false;
      return;
    }
    // Asked for from elsewhere on the page: show it, and where it came from.
    setText(hash);
    setInvalid(false);
    card.current?.scrollIntoView({ block: 'nearest' });
  }, [hash]);
  const look = (event: Event) => {
    event.preventDefault();
    const read = parseInfoHash(text);
    setInvalid(read === undefined);
    isOurs.current = read !== wantedHash.value;
    wantedHash.value = read;
  };
  return (
    <div ref={card}>
      <Card title="Look up a swarm" testId="look-up">
        <form class="look-up" onSubmit={look}>
          <label class="visually-hidden" for="info-hash">
            Info hash or magnet link
          </label>
          <input
            id="info-hash"
            class="input mono"
            type="text"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            placeholder="Info hash or magnet link"
            value={text}
            aria-invalid={isInvalid}
            aria-describedby="info-hash-note"
            onInput={(event) => {
              setText(event.currentTarget.value);
              setInvalid(false);
            }}
          />
          <button type="submit" class="button is-primary" disabled={text.trim() === ''}>
            <SearchIcon />
            Look up
          </button>
        </form>
        <p
          id="info-hash-note"
          class={isInvalid ? 'notice is-bad look-up-note' : 'field-note look-up-note'}
          role={isInvalid ? 'alert' : undefined}
        >
          {isInvalid
            ? 'This is no info hash: it takes 40 hexadecimal digits, 32 characters of base32, or a magnet link.'
            : 'Hexadecimal, base32, or a magnet link. It is asked of this tracker only.'}
        </p>
        {hash !== undefined && <Swarm key={hash} store={store} hash={hash} />}
      </Card>
    </div>
  );
}

function Swarm({ store, hash }: { readonly store: PageStore; readonly hash: string }) {
  const [found, setFound] = useState<Found>({ state: 'loading' });
  const [withPeers, setWithPeers] = useState(false);
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    const ask = async () => {
      const path = `api/v1/swarms/${hash}${withPeers ? '?peers=1' : ''}`;
      try {
        const swarm = await store.api.get<SwarmReply>(path, abort.signal);
        setFound({ state: 'found', swarm });
      } catch (error) {
        if (abort.signal.aborted) return;
        const isUnknown = error instanceof ApiError && error.code === 'swarm_not_found';
        setFound(isUnknown ? { state: 'unknown' } : { state: 'failed', why: describeError(error) });
      }
    };
    void ask();
    return () => abort.abort();
  }, [hash, withPeers, round]);
  const again = () => setRound(round + 1);
  return (
    <div class="swarm" data-testid="swarm">
      <div class="swarm-head">
        <code class="swarm-hash">{hash}</code>
        <CopyButton text={hash} what="the info hash" />
      </div>
      <div role="status">
        {found.state === 'loading' && <p class="muted">Looking…</p>}
        {found.state === 'unknown' && (
          <p class="muted">This tracker does not know the swarm: nobody has announced it lately.</p>
        )}
        {found.state === 'failed' && <p class="notice is-bad">{found.why}</p>}
      </div>
      {found.state === 'found' && <Counts swarm={found.swarm} />}
      {found.state !== 'loading' && (
        <div class="swarm-actions">
          <button type="button" class="button is-small" onClick={again}>
            Look again
          </button>
          {found.state === 'found' && !withPeers && (
            <button type="button" class="button is-small" onClick={() => setWithPeers(true)}>
              Show peers
            </button>
          )}
        </div>
      )}
      {found.state === 'found' && found.swarm.peers !== undefined && (
        <Peers peers={found.swarm.peers} />
      )}
    </div>
  );
}

function Counts({ swarm }: { readonly swarm: SwarmReply }) {
  const counts = [
    ['Seeders', swarm.seeders],
    ['Leechers', swarm.leechers],
    ['Partial seeds', swarm.partial_seeds],
    ['Web peers', swarm.web_peers],
    ['Downloads', swarm.downloads],
  ] as const;
  return (
    <>
      <dl class="swarm-counts">
        {counts.map(([name, count]) => (
          <div key={name}>
            <dt class="stat-label">{name}</dt>
            <dd class="swarm-count num">{formatCount(count)}</dd>
          </div>
        ))}
      </dl>
      <Roles seeders={swarm.seeders} leechers={swarm.leechers} />
    </>
  );
}

const PEER_COLUMNS: readonly Column<PeerView>[] = [
  {
    key: 'address',
    head: 'Address',
    class: 'mono',
    cell: ({ ip, port }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`),
    sort: ({ ip }) => ip,
  },
  {
    key: 'role',
    head: 'Role',
    cell: ({ seeder }) => (seeder ? 'seeder' : 'leecher'),
    sort: ({ seeder }) => (seeder ? 0 : 1),
  },
  {
    key: 'age',
    head: 'Last heard',
    end: true,
    nowrap: true,
    cell: ({ ageSeconds }) => `${formatDuration(ageSeconds)} ago`,
    sort: ({ ageSeconds }) => ageSeconds,
  },
  {
    key: 'origin',
    head: 'By tracker',
    nowrap: true,
    cell: ({ origin }) => origin,
    sort: ({ origin }) => origin,
  },
];

function Peers({ peers }: { readonly peers: readonly PeerView[] }) {
  return (
    <div class="peers">
      <Table
        label="Peers of this swarm"
        columns={PEER_COLUMNS}
        rows={peers}
        rowKey={({ ip, port, origin }) => `${ip} ${port} ${origin}`}
        empty="It has no peers just now, or web peers only."
        testId="swarm-peers"
      />
      {peers.length >= PEERS_LISTED_MAX && (
        <p class="field-note">The list ends after {formatCount(PEERS_LISTED_MAX)} peers.</p>
      )}
    </div>
  );
}
