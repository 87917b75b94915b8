/**
 * How far long work has come, on one line of a terminal that is written over and over. Where there is
 * no terminal nothing is written at all: logs say when the work is done.
 *
 * ```
 * loading  ███████▒▒▒▒▒▒▒▒▒▒▒▒▒  35 %  1,234,567 peers
 * label    bar, where an end is known  text
 * ```
 */

export interface ProgressOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

const SHOW_MS = 100;
const BAR_CELLS = 20;
const COLUMNS = 80;
const FULL = '\u2588';
const EMPTY = '\u2592';
const CLEAR = '\r\x1b[K';

export class ProgressLine {
  readonly #label: string;
  readonly #output: ProgressOutput;
  readonly #nowMs: () => number;
  #shownMs = Number.NEGATIVE_INFINITY;
  #isShown = false;

  /** `label` is ours: what is shown is not looked at for what a terminal would obey. */
  constructor(
    label: string,
    { output, nowMs = () => performance.now() }: { output: ProgressOutput; nowMs?: () => number },
  ) {
    this.#label = label;
    this.#output = output;
    this.#nowMs = nowMs;
  }

  /** Ten times a second at most; what comes in between is left out. `share`: done of all, 0 to 1. */
  show(text: string, share?: number): void {
    const nowMs = this.#nowMs();
    if (this.#output.isTTY !== true || nowMs - this.#shownMs < SHOW_MS) return;
    this.#shownMs = nowMs;
    this.#isShown = true;
    const parts = [this.#label, ...(share === undefined ? [] : [barOf(share)]), text];
    // In the last column some terminals begin a new line. The cursor goes back, so that what others
    // print does not stand behind ours.
    const columns = Math.max(1, (this.#output.columns ?? COLUMNS) - 1);
    this.#output.write(`${CLEAR}${parts.join('  ').slice(0, columns)}\r`);
  }

  /** Wipes the line, if there is one. */
  clear(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#output.write(CLEAR);
  }
}

function barOf(share: number): string {
  const part = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
  const full = Math.floor(part * BAR_CELLS);
  const percent = `${Math.floor(part * 100)} %`.padStart(5);
  return `${FULL.repeat(full)}${EMPTY.repeat(BAR_CELLS - full)} ${percent}`;
}
