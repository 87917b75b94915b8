/** The join tokens of the last days, without their secrets; those that are good can be revoked. */
import { useEffect, useState } from 'preact/hooks';
import { entryOf } from '../entry.js';
import { formatDuration } from '../format.js';
import { Badge, type Column, Dialog, Table, type Tone } from '../kit/index.js';
import type { ClusterActions, TokenEntry } from './actions.js';
import { Failure } from './form.js';
import type { TokenDialogProps } from './token-dialog.js';
import { useTask } from './use-task.js';

const TONES: Readonly<Record<TokenEntry['state'], Tone>> = {
  valid: 'ok',
  used: 'info',
  expired: 'off',
  revoked: 'bad',
};

export function TokensDialog({ actions, onClose }: TokenDialogProps) {
  const [tokens, setTokens] = useState<readonly TokenEntry[]>();
  const task = useTask();
  useEffect(() => task.run(() => actions.tokens(), setTokens), []);
  const revoke = (id: string) => task.run(() => revoked(actions, id), setTokens);
  return (
    <Dialog title="Join tokens" testId="tokens-dialog" onClose={onClose}>
      <Failure error={task.error} />
      {tokens === undefined && task.isBusy && <p class="muted">Asking the minder…</p>}
      {tokens !== undefined && (
        <Table
          label="Join tokens"
          columns={columns(revoke, task.isBusy)}
          rows={tokens}
          rowKey={({ id }) => id}
          empty="No token was made in the last days."
          testId="tokens-table"
        />
      )}
      <p class="muted small needs-width">
        Nodes that have joined with a token stay when it is revoked.
      </p>
    </Dialog>
  );
}

async function revoked(actions: ClusterActions, id: string): Promise<readonly TokenEntry[]> {
  await actions.revokeToken(id);
  return actions.tokens();
}

function columns(revoke: (id: string) => void, isBusy: boolean): readonly Column<TokenEntry>[] {
  return [
    { key: 'id', head: 'Id', cell: ({ id }) => <code>{id}</code> },
    { key: 'role', head: 'Role', cell: ({ role }) => role },
    {
      key: 'state',
      head: 'State',
      cell: ({ state }) => <Badge tone={entryOf(TONES, state) ?? 'off'} text={state} />,
    },
    { key: 'uses', head: 'Uses', end: true, cell: ({ uses, usesMax }) => `${uses}/${usesMax}` },
    { key: 'rest', head: 'Time left', nowrap: true, cell: restText },
    { key: 'from', head: 'From', cell: ({ cidr }) => (cidr === '' ? 'any' : cidr) },
    {
      key: 'revoke',
      head: 'Action',
      cell: ({ id, state }) =>
        state === 'valid' && (
          <button
            type="button"
            class="button is-danger is-small"
            aria-label={`Revoke token ${id}`}
            disabled={isBusy}
            onClick={() => revoke(id)}
          >
            Revoke
          </button>
        ),
    },
  ];
}

function restText({ state, expiresMs }: TokenEntry): string {
  return state === 'valid' ? formatDuration((expiresMs - Date.now()) / 1_000) : '–';
}
