/** The comparison as Markdown: figures, what they are to each other, and the targets. */
import type { CompareOptions, Comparison } from './compare.js';
import { count } from './compare.js';
import type { Figure, Sample } from './figures.js';
import { ECHO, RIVAL } from './names.js';
import { TARGETS, type Target } from './targets.js';
import type { Workload, World } from './workloads.js';

export interface ReportContext {
  readonly date: string;
  readonly host: string;
  readonly processor: string;
  readonly system: string;
  readonly command: string;
  readonly chart: string | undefined;
}

export function reportOf(
  comparison: Comparison,
  options: CompareOptions,
  context: ReportContext,
): string {
  const { notes, pinned } = comparison;
  const lines = [
    `# Side by side, ${context.date}, ${context.host}`,
    '',
    `${context.processor}; ${context.system}; node ${process.version}. \`${context.command}\`: medians of ${options.rounds} round(s), ${options.seconds} s each. ${pinned ? 'Trackers are pinned to the first core, the load generator to the last.' : 'Nothing is pinned: there is one core only, or no way to choose.'}`,
    '',
    'Read it with `bench/README.md`. Where the load generator is busy to 100 % and the server is not, requests a second say how fast the load generator is: compare requests per server CPU second then.',
    '',
  ];
  if (context.chart !== undefined) lines.push(`![Requests a second](${context.chart})`, '');
  for (const world of options.worlds) {
    lines.push(`## ${worldTitle(world)}`, '');
    for (const workload of options.workloads) {
      lines.push(...workloadTable(comparison.figures, world, workload));
    }
    lines.push(...memoryTable(comparison, world));
  }
  lines.push(...targetTable(comparison.figures));
  if (notes.length > 0) lines.push('## Notes', '', ...notes.map((note) => `- ${note}`), '');
  return lines.join('\n');
}

export function worldTitle({ torrents, peers, zipf }: World): string {
  const sizes = zipf === 0 ? 'of equal size' : `after Zipf's law, exponent ${zipf}`;
  return `${count(torrents)} torrents, ${count(peers)} peers, ${sizes}`;
}

export function figuresOf(figures: readonly Figure[], world: World, workload: Workload): Figure[] {
  return figures.filter((each) => each.world === world && each.workload === workload);
}

const percent = (share: number) => `${Math.round(100 * share)} %`;
const times = (ratio: number) => (Number.isFinite(ratio) ? `${ratio.toFixed(2)}x` : '');

function workloadTable(figures: readonly Figure[], world: World, workload: Workload): string[] {
  const rows = figuresOf(figures, world, workload);
  if (rows.length === 0) return [];
  const of = (name: string) => rows.find((row) => row.contender === name)?.median;
  const rival = of(RIVAL);
  const ceiling = of(ECHO);
  const ratio = (a: number, b: number | undefined) => (b === undefined ? '' : times(a / b));
  const lines = [
    `### ${workload.title}`,
    '',
    `| | requests/s | to ${RIVAL} | of the ceiling | per server CPU s | to ${RIVAL} | server us: user + system | server, load busy | peers | p50, p99 ms | errors |`,
    '|---|---|---|---|---|---|---|---|---|---|---|',
  ];
  for (const { contender, median } of rows) {
    lines.push(
      row([
        contender,
        count(median.requestsPerSecond),
        ratio(median.requestsPerSecond, rival?.requestsPerSecond),
        ceiling === undefined ? '' : percent(median.requestsPerSecond / ceiling.requestsPerSecond),
        count(median.perCpuSecond),
        ratio(median.perCpuSecond, rival?.perCpuSecond),
        `${median.userUs.toFixed(2)} + ${median.systemUs.toFixed(2)}`,
        `${percent(median.serverBusy)}, ${percent(median.loadBusy)}`,
        median.peersPerReply === 0 ? '' : median.peersPerReply.toFixed(1),
        `${(median.p50Us / 1000).toFixed(2)}, ${(median.p99Us / 1000).toFixed(2)}`,
        count(median.errors),
      ]),
    );
  }
  return [...lines, ''];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function memoryTable({ memory }: Comparison, world: World): string[] {
  const rows = memory.filter((each) => each.world === world);
  if (rows.length === 0) return [];
  const lines = [
    '### Resident memory',
    '',
    '| | MB empty | MB filled | peers | bytes a peer |',
    '|---|---|---|---|---|',
  ];
  for (const { contender, emptyBytes, filledBytes, peers } of rows) {
    const each = peers === 0 ? '' : ((filledBytes - emptyBytes) / peers).toFixed(0);
    const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
    lines.push(row([contender, megabytes(emptyBytes), megabytes(filledBytes), count(peers), each]));
  }
  return [...lines, ''];
}

/** What was promised, and what came of it. */
function targetTable(figures: readonly Figure[]): string[] {
  const lines = ['## Targets', '', '| work | target | measured | |', '|---|---|---|---|'];
  const ours = ['trackerbt fast', 'trackerbt portable'].find((name) =>
    figures.some((each) => each.contender === name),
  );
  if (ours === undefined) return [];
  for (const target of TARGETS) {
    const measured = ratioOf(figures, ours, target);
    if (measured === undefined) continue;
    const verdict = measured >= target.atLeast ? 'met' : 'missed';
    const what = `${target.title} (${ours})`;
    lines.push(row([what, `>= ${target.atLeast}x ${target.against}`, times(measured), verdict]));
  }
  return lines.length === 4 ? [] : [...lines, ''];
}

function ratioOf(figures: readonly Figure[], ours: string, target: Target): number | undefined {
  const find = (contender: string): Sample | undefined =>
    figures.find(
      (each) =>
        each.contender === contender &&
        each.workload.name === target.workload &&
        each.world.torrents === target.torrents,
    )?.median;
  const [mine, theirs] = [find(ours), find(target.against)];
  if (mine === undefined || theirs === undefined) return undefined;
  return mine[target.measure] / theirs[target.measure];
}
