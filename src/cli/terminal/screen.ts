/**
 * A terminal as a whole screen: frames are drawn over each other, keys are heard as they are pressed.
 *
 * ```
 * enter   alternate screen, no cursor, keys at once     ESC [ ? 1049 h   ESC [ ? 25 l
 * frame   from the top: each line, rest of it blank     ESC [ H   line ESC [ K CR LF ...   ESC [ J
 * leave   as it was before                              ESC [ ? 25 h   ESC [ ? 1049 l
 * ```
 *
 * `leave` runs on every way out but SIGKILL: what a crash prints comes behind it, on the screen that
 * the user sees.
 */

export interface ScreenOutput {
  write(text: string): unknown;
  readonly columns?: number;
  readonly rows?: number;
  /** More waits for the terminal than it should. */
  readonly writableNeedDrain?: boolean;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

export interface ScreenInput {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
  on(event: 'data', listener: (data: Buffer) => void): unknown;
  off(event: 'data', listener: (data: Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** The events of a process on which a screen is left. */
export interface ScreenProcess {
  on(event: 'exit' | 'uncaughtExceptionMonitor' | 'SIGCONT', listener: () => void): unknown;
  off(event: 'exit' | 'uncaughtExceptionMonitor' | 'SIGCONT', listener: () => void): unknown;
  /** Has the shell take over until the user comes back. */
  suspend(): void;
}

export interface ScreenListeners {
  /** A key, as the bytes that the terminal sent; Ctrl-Z is not among them. */
  onKey(key: string): void;
  /** The size changed, or the screen is ours again: draw. */
  onDraw(): void;
}

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const CTRL_Z = '\x1a';
const COLUMNS = 80;
const ROWS = 24;
/** More than any terminal has, and little enough to fill. */
const SIDE_MAX = 1_000;
/** Of one read; more is no typing. */
const KEY_BYTES_MAX = 64;

export class Screen {
  readonly #output: ScreenOutput;
  readonly #input: ScreenInput;
  readonly #process: ScreenProcess;
  readonly #listeners: ScreenListeners;
  #isOurs = false;
  #isOver = false;

  constructor(
    listeners: ScreenListeners,
    dependencies: { output: ScreenOutput; input: ScreenInput; process: ScreenProcess },
  ) {
    this.#listeners = listeners;
    this.#output = dependencies.output;
    this.#input = dependencies.input;
    this.#process = dependencies.process;
  }

  get columns(): number {
    return sideOf(this.#output.columns, COLUMNS);
  }

  get rows(): number {
    return sideOf(this.#output.rows, ROWS);
  }

  open(): void {
    this.#process.on('exit', this.leave);
    this.#process.on('uncaughtExceptionMonitor', this.leave);
    this.#process.on('SIGCONT', this.#enter);
    this.#output.on('resize', this.#listeners.onDraw);
    this.#input.on('data', this.#onData);
    this.#enter();
  }

  /** Draws a frame; what does not fit is left out. Lines are not to be wider than the screen. */
  draw(lines: readonly string[]): void {
    if (!this.#isOurs || this.#output.writableNeedDrain === true) return;
    const shown = lines.slice(0, this.rows).map((line) => `${line}\x1b[K`);
    this.#output.write(`\x1b[H${shown.join('\r\n')}\x1b[J`);
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#process.off('exit', this.leave);
    this.#process.off('uncaughtExceptionMonitor', this.leave);
    this.#process.off('SIGCONT', this.#enter);
    this.#output.off('resize', this.#listeners.onDraw);
    this.#input.off('data', this.#onData);
    this.leave();
    this.#input.pause();
  }

  /** Gives the terminal back as it was; more often does no harm. */
  readonly leave = (): void => {
    if (!this.#isOurs) return;
    this.#isOurs = false;
    this.#setRaw(false);
    this.#output.write(LEAVE);
  };

  readonly #enter = (): void => {
    if (this.#isOurs || this.#isOver) return;
    this.#isOurs = true;
    this.#output.write(ENTER);
    this.#setRaw(true);
    this.#input.resume();
    this.#listeners.onDraw();
  };

  readonly #onData = (data: Buffer): void => {
    const key = data.subarray(0, KEY_BYTES_MAX).toString('latin1');
    if (key === CTRL_Z) {
      this.leave();
      this.#process.suspend();
      return;
    }
    this.#listeners.onKey(key);
  };

  #setRaw(isRaw: boolean): void {
    if (this.#input.isTTY !== true) return;
    try {
      this.#input.setRawMode?.(isRaw);
    } catch {
      // The terminal is gone, and there is nothing to restore.
    }
  }
}

function sideOf(given: number | undefined, otherwise: number): number {
  return given === undefined || !(given >= 1) ? otherwise : Math.min(given, SIDE_MAX);
}
