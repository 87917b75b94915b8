/** The comparison as a picture: a bar for each contender, a group for each kind of work. */
import { count } from './compare.js';
import type { Figure } from './figures.js';
import { figuresOf, worldTitle } from './report.js';
import type { Workload, World } from './workloads.js';

const WIDTH = 760;
const LABEL_WIDTH = 150;
const BAR_HEIGHT = 18;
const BAR_GAP = 4;
const GROUP_GAP = 34;
const TOP = 56;
const VALUE_WIDTH = 80;

const COLOURS: readonly (readonly [RegExp, string])[] = [
  [/^trackerbt fast/, '#1f6feb'],
  [/^trackerbt/, '#79b0ff'],
  [/ceiling|node:http/, '#c4c9d1'],
];
const COLOUR_OTHERS = '#e0893b';

/** An SVG of one world; undefined when nothing was measured in it. */
export function chartOf(
  figures: readonly Figure[],
  world: World,
  workloads: readonly Workload[],
): string | undefined {
  const groups = workloads
    .map((workload) => ({ workload, rows: figuresOf(figures, world, workload) }))
    .filter(({ rows }) => rows.length > 0);
  if (groups.length === 0) return undefined;
  const parts: string[] = [];
  let y = TOP;
  for (const { workload, rows } of groups) {
    parts.push(text(12, y, workload.title, 'font-weight="600"'));
    y += 10;
    const most = Math.max(...rows.map(({ median }) => median.requestsPerSecond));
    const room = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
    for (const { contender, median } of rows) {
      const width = Math.max(1, (median.requestsPerSecond / most) * room);
      const middle = y + BAR_HEIGHT - 5;
      parts.push(
        text(LABEL_WIDTH - 8, middle, contender, 'text-anchor="end"'),
        `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" rx="2" fill="${colourOf(contender)}"/>`,
        text(LABEL_WIDTH + width + 6, middle, count(median.requestsPerSecond), ''),
      );
      y += BAR_HEIGHT + BAR_GAP;
    }
    y += GROUP_GAP;
  }
  const title = text(12, 24, `Requests a second, one core: ${worldTitle(world)}`, 'font-size="15"');
  const style = 'font-family="system-ui, sans-serif" font-size="12" fill="#24292f"';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" ${style}>
<title>Requests per second of each tracker, by kind of work</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${[title, ...parts].join('\n')}
</svg>
`;
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`);
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escaped}</text>`;
}

function colourOf(contender: string): string {
  return COLOURS.find(([pattern]) => pattern.test(contender))?.[1] ?? COLOUR_OTHERS;
}
