/** What the dialogs of this view are made of, besides the kit. */
import { useId } from 'preact/hooks';

export interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  /** Below the field. */
  readonly note?: string;
  /** What is wrong with the value: stands in the place of the note. */
  readonly problem?: string;
  readonly placeholder?: string;
  readonly isMono?: boolean;
  readonly inputMode?: 'numeric';
  readonly maxLength?: number;
}

export function Field(props: FieldProps) {
  const { label, value, onInput, note, problem, placeholder, isMono, inputMode, maxLength } = props;
  const id = useId();
  const told = problem ?? note;
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
      </label>
      <input
        id={id}
        class={isMono ? 'input mono' : 'input'}
        type="text"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        value={value}
        placeholder={placeholder}
        inputMode={inputMode}
        maxLength={maxLength}
        aria-invalid={problem !== undefined}
        aria-describedby={told === undefined ? undefined : `${id}-note`}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {told !== undefined && (
        <p id={`${id}-note`} class={problem === undefined ? 'field-note' : 'field-note is-problem'}>
          {told}
        </p>
      )}
    </div>
  );
}

export function Failure({ error }: { readonly error: string | undefined }) {
  if (error === undefined) return null;
  return (
    <p class="notice is-bad" role="alert" data-testid="failure">
      {error}
    </p>
  );
}
