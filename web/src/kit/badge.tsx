import { entryOf } from '../entry.js';
import type { NodeState } from '../tick.js';

export type Tone = 'ok' | 'info' | 'warn' | 'bad' | 'off';

/** Colour and shape by state: either of them says enough alone. */
export const STATE_TONES: Readonly<Record<NodeState, Tone>> = {
  healthy: 'ok',
  joining: 'info',
  draining: 'warn',
  unreachable: 'bad',
  revoked: 'off',
};

export function stateTone(state: string): Tone {
  return entryOf(STATE_TONES, state) ?? 'off';
}

/** Disc, ring, half disc, cross, barred ring; in the colour of the text, 10 by 10. */
export function ToneMark({ tone }: { readonly tone: Tone }) {
  return (
    <svg viewBox="0 0 10 10" aria-hidden="true" focusable="false">
      {tone === 'ok' && <circle cx="5" cy="5" r="4" fill="currentColor" />}
      {tone === 'info' && (
        <circle cx="5" cy="5" r="3.2" fill="none" stroke="currentColor" stroke-width="1.8" />
      )}
      {tone === 'warn' && <path d="M5 .8 9.6 9.2H.4Z" fill="currentColor" />}
      {tone === 'bad' && (
        <path
          d="m1.5 1.5 7 7m0-7-7 7"
          stroke="currentColor"
          stroke-width="2.2"
          stroke-linecap="round"
        />
      )}
      {tone === 'off' && (
        <path d="M1.5 5h7" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" />
      )}
    </svg>
  );
}

export interface BadgeProps {
  readonly tone: Tone;
  readonly text: string;
  readonly title?: string;
  readonly testId?: string;
}

export function Badge({ tone, text, title, testId }: BadgeProps) {
  return (
    <span class={`badge tone-${tone}`} title={title} data-testid={testId}>
      <ToneMark tone={tone} />
      {text}
    </span>
  );
}

/** A node's state, with the reason where it has one: `unreachable (silent)`. */
export function StateBadge({
  state,
  reason,
}: {
  readonly state: string;
  readonly reason?: string | null;
}) {
  const text = reason ? `${state} (${reason})` : state;
  return <Badge tone={stateTone(state)} text={text} testId="state" />;
}
