/** Puts a node out of the cluster for good: its name has to be typed, since nothing takes that back. */
import { useState } from 'preact/hooks';
import { Dialog } from '../kit/index.js';
import type { NodeView } from '../tick.js';
import type { ClusterActions } from './actions.js';
import { Failure, Field } from './form.js';
import { useTask } from './use-task.js';

export interface RevokeDialogProps {
  readonly node: NodeView;
  readonly actions: ClusterActions;
  readonly onClose: () => void;
}

export function RevokeDialog({ node: { id, name, role }, actions, onClose }: RevokeDialogProps) {
  const [typed, setTyped] = useState('');
  const task = useTask();
  // A name of odd characters, or none, can be hard to type: the id will do.
  const isSure = typed !== '' && (typed === name || typed.trim() === id);
  return (
    <Dialog title={`Revoke this ${role}`} testId="revoke-dialog" onClose={onClose}>
      <form
        class="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (isSure) task.run(() => actions.revoke(id), onClose);
        }}
      >
        <p>
          <strong class="wrap-anywhere">{name}</strong> loses its certificate at once and for good:
          the bus cuts it off, and what it alone reported is forgotten. To come back it has to join
          anew, with a new token and without its old data.
        </p>
        <Field
          label="Type the node's name to confirm"
          value={typed}
          onInput={setTyped}
          placeholder={name}
          note={`Its id will do too: ${id}`}
        />
        <Failure error={task.error} />
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button is-danger" disabled={!isSure || task.isBusy}>
            Revoke
          </button>
        </div>
      </form>
    </Dialog>
  );
}
