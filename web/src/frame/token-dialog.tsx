import { useState } from 'preact/hooks';
import { Dialog } from '../kit/index.js';
import type { TokenRequest } from '../store.js';

/** Asks for the admin token. It goes into a header, never into an address, and stays in this tab. */
export function TokenDialog({ request }: { readonly request: TokenRequest }) {
  const [token, setToken] = useState('');
  const trimmed = token.trim();
  return (
    <Dialog title="Admin token" testId="token-dialog" onClose={() => request.answer(undefined)}>
      {request.wasRefused && (
        <p class="notice is-bad" role="alert">
          That token was refused.
        </p>
      )}
      <form
        class="token-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (trimmed !== '') request.answer(trimmed);
        }}
      >
        <div class="field">
          <label class="field-label" for="token">
            Token
          </label>
          <input
            id="token"
            class="input mono"
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={token}
            aria-describedby="token-note"
            onInput={(event) => setToken(event.currentTarget.value)}
          />
          <p class="field-note" id="token-note">
            It stands in the file <code>tracker/admin-token</code> or{' '}
            <code>minder/admin-token</code> of the node’s data folder, or in the file that its
            configuration names. It is kept until this tab is closed.
          </p>
        </div>
        <div class="dialog-actions">
          <button type="button" class="button" onClick={() => request.answer(undefined)}>
            Cancel
          </button>
          <button type="submit" class="button is-primary" disabled={trimmed === ''}>
            Use it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
