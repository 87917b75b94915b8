/** What lies over the map: the buttons that zoom, and what its signs mean. */
import { ToneMark } from '../kit/badge.js';
import { RoleIcon } from './node-glyph.js';

export interface MapToolsProps {
  readonly onIn: () => void;
  readonly onOut: () => void;
  readonly onFit: () => void;
}

export function MapTools({ onIn, onOut, onFit }: MapToolsProps) {
  return (
    <div class="map-tools">
      <Tool name="Zoom in" path="M8 3.5v9M3.5 8h9" onClick={onIn} />
      <Tool name="Zoom out" path="M3.5 8h9" onClick={onOut} />
      <Tool
        name="Fit all nodes"
        path="M3 6V3.5h2.5M10.5 3.5H13V6M13 10v2.5h-2.5M5.5 12.5H3V10"
        onClick={onFit}
      />
    </div>
  );
}

interface ToolProps {
  readonly name: string;
  readonly path: string;
  readonly onClick: () => void;
}

function Tool({ name, path, onClick }: ToolProps) {
  return (
    <button type="button" class="button map-tool" aria-label={name} title={name} onClick={onClick}>
      <svg viewBox="0 0 16 16" aria-hidden="true" focusable="false">
        <path
          d={path}
          fill="none"
          stroke="currentColor"
          stroke-width="1.5"
          stroke-linecap="round"
        />
      </svg>
    </button>
  );
}

const STATES = [
  ['ok', 'healthy'],
  ['info', 'joining'],
  ['warn', 'draining'],
  ['bad', 'unreachable'],
  ['off', 'revoked'],
] as const;

export function MapLegend() {
  return (
    <ul class="map-legend" aria-label="Signs of the map">
      <li>
        <RoleIcon kind="minder" />
        minder
      </li>
      <li>
        <RoleIcon kind="tracker" />
        tracker
      </li>
      {STATES.map(([tone, state]) => (
        <li key={state} class={`legend-state at-${tone}`}>
          <ToneMark tone={tone} />
          {state}
        </li>
      ))}
      <li>
        <svg class="legend-line" viewBox="0 0 22 8" aria-hidden="true" focusable="false">
          <path class="map-link is-busy" d="M1 4h19M15 1l5 3-5 3" />
        </svg>
        records
      </li>
      <li>
        <svg class="legend-line" viewBox="0 0 22 8" aria-hidden="true" focusable="false">
          <path class="map-link is-tie" d="M1 4h20" />
        </svg>
        heartbeats
      </li>
    </ul>
  );
}
