import { useEffect } from 'preact/hooks';
import { MinderView } from '../map/minder-view.js';
import type { PageStore } from '../store.js';
import { TrackerView } from '../tracker/tracker-view.js';
import { ConnectionBar } from './connection-bar.js';
import { Header } from './header.js';
import { TokenDialog } from './token-dialog.js';

/** The frame that both roles share, around the view of the one that answers. */
export function App({ store }: { readonly store: PageStore }) {
  const { tick, role, isStale } = store;
  const name = tick.value?.stats.name;
  useEffect(() => {
    document.title = name === undefined ? 'trackerbt' : `${name} · trackerbt`;
  }, [name]);
  return (
    <>
      <a class="skip-link" href="#main">
        Skip to the numbers
      </a>
      <Header store={store} />
      <main id="main" class={isStale.value ? 'main is-stale' : 'main'} tabIndex={-1}>
        <ConnectionBar store={store} />
        {role.value === 'tracker' && <TrackerView store={store} />}
        {role.value === 'minder' && <MinderView store={store} />}
        {role.value === undefined && <Waiting store={store} />}
      </main>
      <Footer />
      {store.tokenRequest.value !== undefined && <TokenDialog request={store.tokenRequest.value} />}
    </>
  );
}

function Waiting({ store }: { readonly store: PageStore }) {
  if (store.connection.value.state !== 'connecting') return null;
  return <p class="waiting">Waiting for the first numbers…</p>;
}

function Footer() {
  return (
    <footer class="footer">
      <nav aria-label="The same for programs">
        <a href="stats.json">stats.json</a>
        <a href="metrics">metrics</a>
        <a href="api/v1/cluster">cluster</a>
        <a href="api/v1/openapi.json">OpenAPI</a>
      </nav>
    </footer>
  );
}
