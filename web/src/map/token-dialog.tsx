/** Lets another node in: makes a join token, and shows the line to paste there. Once. */
import { useState } from 'preact/hooks';
import { formatDuration } from '../format.js';
import { CopyButton, Dialog, Segments } from '../kit/index.js';
import type { ClusterActions, NewToken, TokenGrant } from './actions.js';
import { Failure, Field } from './form.js';
import { useTask } from './use-task.js';

export interface TokenDialogProps {
  readonly actions: ClusterActions;
  readonly onClose: () => void;
}

const TTLS = [
  { value: 900, text: '15 min' },
  { value: 3_600, text: '1 h' },
  { value: 86_400, text: '1 day' },
  { value: 604_800, text: '7 days' },
] as const;
const USES_MAX = 100_000;

export function AddNodeDialog({ actions, onClose }: TokenDialogProps) {
  const [made, setMade] = useState<{ token: NewToken; grant: TokenGrant }>();
  return (
    <Dialog title="Add a node" testId="token-create-dialog" onClose={onClose}>
      {made === undefined ? (
        <GrantForm
          actions={actions}
          onMade={(token, grant) => setMade({ token, grant })}
          onClose={onClose}
        />
      ) : (
        <Made {...made} onClose={onClose} />
      )}
    </Dialog>
  );
}

interface GrantFormProps extends TokenDialogProps {
  readonly onMade: (token: NewToken, grant: TokenGrant) => void;
}

function GrantForm({ actions, onMade, onClose }: GrantFormProps) {
  const [role, setRole] = useState<'tracker' | 'minder'>('tracker');
  const [ttlSeconds, setTtl] = useState<number>(3_600);
  const [uses, setUses] = useState('1');
  const [cidr, setCidr] = useState('');
  const task = useTask();
  const count = Number(uses);
  const isCount = /^\d{1,6}$/.test(uses.trim()) && count >= 1 && count <= USES_MAX;
  return (
    <form
      class="dialog-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isCount) return;
        const grant = { role, ttlSeconds, uses: count, cidr: cidr.trim() };
        task.run(
          () => actions.createToken(grant),
          (token) => onMade(token, grant),
        );
      }}
    >
      <p class="muted">
        A join token lets a new machine into the cluster. It is shown once; the minder keeps only
        its hash.
      </p>
      <div class="form-row">
        <div class="field">
          <span class="field-label">What may join</span>
          <Segments
            label="What may join"
            options={[
              { value: 'tracker', text: 'Tracker' },
              { value: 'minder', text: 'Minder' },
            ]}
            value={role}
            onChange={setRole}
          />
        </div>
        <div class="field">
          <span class="field-label">Good for</span>
          <Segments label="Good for" options={TTLS} value={ttlSeconds} onChange={setTtl} />
        </div>
      </div>
      <div class="form-row">
        <Field
          label="Uses"
          value={uses}
          onInput={setUses}
          note="How many nodes may join with it."
          inputMode="numeric"
          {...(isCount ? {} : { problem: `A whole number from 1 to ${USES_MAX}.` })}
        />
        <Field
          label="From network (optional)"
          value={cidr}
          onInput={setCidr}
          note="Such as 192.0.2.0/24; empty: any."
          isMono
        />
      </div>
      <Failure error={task.error} />
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" class="button is-primary" disabled={task.isBusy || !isCount}>
          Create token
        </button>
      </div>
    </form>
  );
}

interface MadeProps {
  readonly token: NewToken;
  readonly grant: TokenGrant;
  readonly onClose: () => void;
}

function Made({ token: { token, command }, grant, onClose }: MadeProps) {
  const { role, uses, ttlSeconds, cidr } = grant;
  const who = uses === 1 ? `One ${role}` : `Up to ${uses} ${role}s`;
  return (
    <>
      <p class="notice is-ok" role="status">
        {`${who} may join within ${formatDuration(ttlSeconds)}${cidr === '' ? '' : ` from ${cidr}`}.`}
      </p>
      <Secret label="Run this on the new machine" text={command} what="the command" />
      <Secret label="Or the token alone" text={token} what="the token" />
      <p class="muted small">Neither can be shown again after this is closed.</p>
      <div class="dialog-actions">
        <button type="button" class="button is-primary" onClick={onClose}>
          Done
        </button>
      </div>
    </>
  );
}

interface SecretProps {
  readonly label: string;
  readonly text: string;
  readonly what: string;
}

function Secret({ label, text, what }: SecretProps) {
  return (
    <div class="field">
      <span class="field-label secret-head">
        {label}
        <CopyButton text={text} what={what} label="Copy" />
      </span>
      <code class="secret" data-testid={`secret-${what.split(' ').at(-1)}`}>
        {text}
      </code>
    </div>
  );
}
