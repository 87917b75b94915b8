import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { CloseIcon } from './icons.js';

export interface DialogProps {
  readonly title: string;
  /** Escape or the button; not a click beside it, since what is shown may be shown once only. */
  readonly onClose: () => void;
  readonly testId?: string;
  readonly children: ComponentChildren;
}

/**
 * Open for as long as it is rendered. The browser keeps the focus inside and gives it back to where
 * it was.
 */
export function Dialog({ title, onClose, testId, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    if (element !== null && !element.open) element.showModal();
    return () => {
      element?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={id}
      data-testid={testId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div class="dialog-head">
        <h2 class="dialog-title" id={id}>
          {title}
        </h2>
        <button
          type="button"
          class="button is-quiet is-icon"
          aria-label="Close"
          onClick={() => onClose()}
        >
          <CloseIcon />
        </button>
      </div>
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}
