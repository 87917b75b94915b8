/** What has happened since the page opened, the latest first. */
import { formatTime } from '../format.js';
import { type Tone, ToneMark } from '../kit/index.js';
import type { EventLog } from './event-log.js';
import type { MapEvent } from './model.js';

const TONES: Readonly<Record<MapEvent['tone'], Tone>> = {
  good: 'ok',
  info: 'info',
  warning: 'warn',
  bad: 'bad',
};

export function EventList({ log }: { readonly log: EventLog }) {
  if (log.count === 0) {
    return <p class="muted">Nothing has changed since this page was opened.</p>;
  }
  return (
    <ol
      class="events"
      data-testid="events"
      aria-label="Events, the latest first"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
      tabIndex={0}
    >
      {log.events.map(({ number, atMs, tone, text }) => (
        <li key={number} class={`event at-${TONES[tone]}`}>
          <time class="num" dateTime={new Date(atMs).toISOString()}>
            {formatTime(atMs)}
          </time>
          <ToneMark tone={TONES[tone]} />
          <span class="event-text">{text}</span>
        </li>
      ))}
    </ol>
  );
}

/** Spoken to those who do not see the list: what went wrong or came back, and nothing else. */
export function EventVoice({ log }: { readonly log: EventLog }) {
  const last = log.events.find(({ tone }) => tone !== 'info');
  return (
    <p class="visually-hidden" role="status">
      {last?.text ?? ''}
    </p>
  );
}
