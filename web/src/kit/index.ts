/** What views are made of. */
export { Badge, STATE_TONES, StateBadge, stateTone, type Tone, ToneMark } from './badge.js';
export { Card } from './card.js';
export { Chart, type ChartSeries, chartWindowSeconds } from './chart.js';
export { CopyButton, copyText } from './copy-button.js';
export { Dialog } from './dialog.js';
export * from './icons.js';
export { Meter } from './meter.js';
export { Segments } from './segments.js';
export { Sparkline } from './sparkline.js';
export { Stat } from './stat.js';
export { type Column, Table } from './table.js';
