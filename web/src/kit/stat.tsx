import type { ComponentChildren } from 'preact';
import { Meter } from './meter.js';
import { Sparkline } from './sparkline.js';

export interface StatProps {
  readonly label: string;
  /** Formatted. */
  readonly value: string;
  readonly unit?: string;
  /** Below the value, in a few words. */
  readonly note?: ComponentChildren;
  /** The last minutes, drawn small. */
  readonly trend?: readonly number[];
  /** 0 to 1: how much of a bound is used. */
  readonly share?: number;
  readonly testId?: string;
}

/** One large number. */
export function Stat({ label, value, unit, note, trend, share, testId }: StatProps) {
  return (
    <div class="stat" data-testid={testId}>
      <dt class="stat-label">{label}</dt>
      <dd class="stat-value">
        <span data-testid={testId === undefined ? undefined : `${testId}-value`}>{value}</span>
        {unit !== undefined && <span class="stat-unit">{unit}</span>}
      </dd>
      <dd class="stat-note">{note}</dd>
      {trend !== undefined && (
        <dd class="stat-trend" aria-hidden="true">
          <Sparkline values={trend} />
        </dd>
      )}
      {share !== undefined && (
        <dd class="stat-meter" aria-hidden="true">
          <Meter share={share} />
        </dd>
      )}
    </div>
  );
}
