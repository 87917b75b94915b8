/** The cluster's deny list: look up an info hash, put it on, take it off; the latest entries. */
import { useEffect, useState } from 'preact/hooks';
import { formatCount } from '../format.js';
import { parseInfoHash } from '../info-hash.js';
import { type Column, Dialog, Table } from '../kit/index.js';
import type { ClusterActions, ListEntry, ListPage } from './actions.js';
import { Failure, Field } from './form.js';
import { useTask } from './use-task.js';

const REASON_MAX = 200;

export interface DenyDialogProps {
  readonly actions: ClusterActions;
  readonly onClose: () => void;
}

/** What was asked for last, and the answer. */
interface Found {
  readonly hash: string;
  readonly entry: ListEntry | undefined;
}

export function DenyDialog({ actions, onClose }: DenyDialogProps) {
  const [page, setPage] = useState<ListPage>();
  const [text, setText] = useState('');
  const [reason, setReason] = useState('');
  const [said, setSaid] = useState('');
  const [found, setFound] = useState<Found>();
  const task = useTask();
  useEffect(() => task.run(() => actions.denied(), setPage), []);
  const hash = parseInfoHash(text);
  const isWrong = text.trim() !== '' && hash === undefined;

  const change = (work: Promise<void>, words: string) =>
    work
      .then(() => actions.denied())
      .then((next) => {
        setPage(next);
        setFound(undefined);
        setSaid(words);
      });
  const add = (which: string) =>
    task.run(
      () => change(actions.deny(which, reason.trim()), `${which} is denied`),
      () => {
        setText('');
        setReason('');
      },
    );
  const remove = (which: string) =>
    task.run(() => change(actions.allow(which), `${which} is denied no more`));
  const lookUp = (which: string) =>
    task.run(
      () => actions.denial(which),
      (entry) => {
        setSaid('');
        setFound({ hash: which, entry });
      },
    );

  return (
    <Dialog title="Deny list" testId="deny-dialog" onClose={onClose}>
      <p class="muted needs-width">
        Trackers refuse announces of denied info hashes and forget their peers; all of them follow
        within two seconds.
      </p>
      <form
        class="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (hash !== undefined) lookUp(hash);
        }}
      >
        <Field
          label="Info hash or magnet link"
          value={text}
          onInput={setText}
          isMono
          maxLength={4_000}
          {...(isWrong
            ? { problem: '40 hexadecimal digits, 32 of base32, or a magnet link.' }
            : {})}
        />
        <Field
          label="Reason (optional)"
          value={reason}
          onInput={setReason}
          maxLength={REASON_MAX}
          note="For operators; clients do not see it."
        />
        <div class="dialog-actions">
          <button type="submit" class="button" disabled={hash === undefined || task.isBusy}>
            Look up
          </button>
          <button
            type="button"
            class="button is-primary"
            disabled={hash === undefined || task.isBusy}
            onClick={() => hash !== undefined && add(hash)}
          >
            Deny
          </button>
        </div>
      </form>
      <Failure error={task.error} />
      <div role="status">
        {said !== '' && <p class="notice is-ok wrap-anywhere">{said}</p>}
        {found !== undefined && <Answer found={found} />}
      </div>
      {page !== undefined && (
        <section aria-label="Latest entries">
          <h3 class="small">
            {page.total === 0 ? 'Nothing is denied' : `${formatCount(page.total)} denied`}
            {page.more && `, the latest ${page.entries.length} of them`}
          </h3>
          {page.entries.length > 0 && (
            <div class="deny-entries">
              <Table
                label="Denied info hashes"
                columns={columns(remove, task.isBusy)}
                rows={page.entries}
                rowKey={(entry) => entry.info_hash}
                testId="deny-table"
              />
            </div>
          )}
        </section>
      )}
    </Dialog>
  );
}

function Answer({ found: { hash, entry } }: { readonly found: Found }) {
  if (entry === undefined) {
    return <p class="notice wrap-anywhere" data-testid="deny-answer">{`${hash} is not denied`}</p>;
  }
  const since = new Date(entry.sinceMs).toLocaleString();
  const until =
    entry.expiresMs === null ? '' : ` until ${new Date(entry.expiresMs).toLocaleString()}`;
  const why = entry.reason === '' ? '' : `: ${entry.reason}`;
  return (
    <p class="notice is-warn wrap-anywhere" data-testid="deny-answer">
      {`${hash} is denied since ${since}${until}${why}`}
    </p>
  );
}

function columns(remove: (hash: string) => void, isBusy: boolean): readonly Column<ListEntry>[] {
  return [
    {
      key: 'hash',
      head: 'Info hash',
      cell: (entry) => <code title={entry.info_hash}>{`${entry.info_hash.slice(0, 16)}…`}</code>,
    },
    {
      key: 'reason',
      head: 'Reason',
      class: 'deny-reason wrap-anywhere',
      cell: ({ reason }) => reason || '–',
    },
    {
      key: 'since',
      head: 'Since',
      nowrap: true,
      cell: ({ sinceMs }) => new Date(sinceMs).toLocaleDateString(),
    },
    {
      key: 'remove',
      head: 'Action',
      cell: (entry) => (
        <button
          type="button"
          class="button is-small"
          aria-label={`Remove ${entry.info_hash}`}
          disabled={isBusy}
          onClick={() => remove(entry.info_hash)}
        >
          Remove
        </button>
      ),
    },
  ];
}
