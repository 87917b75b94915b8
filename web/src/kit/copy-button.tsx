import { useEffect, useState } from 'preact/hooks';
import { CheckIcon, CopyIcon } from './icons.js';

const SHOWN_MS = 2_000;

export interface CopyButtonProps {
  readonly text: string;
  /** What is copied, for the name of the button: `the announce URL`. */
  readonly what: string;
  /** Shown beside the picture; without it the picture has to do. */
  readonly label?: string;
}

export function CopyButton({ text, what, label }: CopyButtonProps) {
  const [state, setState] = useState<'idle' | 'copied' | 'failed'>('idle');
  useEffect(() => {
    if (state === 'idle') return;
    const timer = setTimeout(() => setState('idle'), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = async () => setState((await copyText(text)) ? 'copied' : 'failed');
  return (
    <button
      type="button"
      class="button is-quiet is-small"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      data-testid="copy"
      onClick={copy}
    >
      {state === 'copied' ? <CheckIcon /> : <CopyIcon />}
      {label}
      <span class="visually-hidden" role="status">
        {state === 'copied' ? 'copied' : state === 'failed' ? 'could not copy' : ''}
      </span>
    </button>
  );
}

/** The clipboard exists on HTTPS and localhost only; elsewhere there is the old way. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.readOnly = true;
    area.className = 'visually-hidden';
    // Within an open dialog nothing outside it can be selected.
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    const before = document.activeElement;
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    if (before instanceof HTMLElement) before.focus();
    return done;
  }
}
