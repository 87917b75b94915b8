/** Light, dark, or what the system says; a choice is remembered by the browser. */
import { type ReadonlySignal, signal } from '@preact/signals';

export type Theme = 'light' | 'dark';

const KEY = 'trackerbt-theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const chosen = signal<Theme | undefined>(read());
const shown = signal<Theme>('light');

/** What is shown now; charts draw again when it changes. */
export const theme: ReadonlySignal<Theme> = shown;

export function startTheme(): void {
  system.addEventListener('change', apply);
  apply();
}

export function toggleTheme(): void {
  const next: Theme = shown.value === 'dark' ? 'light' : 'dark';
  const systemTheme: Theme = system.matches ? 'dark' : 'light';
  // Back at the system's: it leads again.
  chosen.value = next === systemTheme ? undefined : next;
  write(chosen.value);
  apply();
}

function apply(): void {
  const { dataset } = document.documentElement;
  if (chosen.value === undefined) delete dataset.theme;
  else dataset.theme = chosen.value;
  shown.value = chosen.value ?? (system.matches ? 'dark' : 'light');
}

function read(): Theme | undefined {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === 'light' || kept === 'dark' ? kept : undefined;
  } catch {
    return undefined;
  }
}

function write(value: Theme | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, value);
  } catch {
    // Not remembered, then.
  }
}

/** The colour behind a token such as `--s1`, as a canvas takes it. */
export function resolveColor(token: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
