import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

export interface CardProps {
  readonly title: string;
  /** Beside the title, in a few words. */
  readonly note?: ComponentChildren;
  /** At the right end of the head: buttons, switches. */
  readonly tools?: ComponentChildren;
  /** Without a margin: a table brings its own. */
  readonly flush?: boolean;
  readonly class?: string;
  readonly testId?: string;
  readonly children: ComponentChildren;
}

/** A region of the page with a heading, which names it. */
export function Card({ title, note, tools, flush, class: more, testId, children }: CardProps) {
  const id = useId();
  return (
    <section
      class={more === undefined ? 'card' : `card ${more}`}
      aria-labelledby={id}
      data-testid={testId}
    >
      <div class="card-head">
        <h2 class="card-title" id={id}>
          {title}
        </h2>
        {note !== undefined && <span class="card-note">{note}</span>}
        {tools !== undefined && <div class="card-tools">{tools}</div>}
      </div>
      <div class={flush ? 'card-body is-flush' : 'card-body'}>{children}</div>
    </section>
  );
}
