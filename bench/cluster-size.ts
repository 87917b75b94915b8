/** Records a second told among so many trackers, what each part of it costs, and how late it is. */
import type { ClusterBenchOptions } from './cluster.js';
import type { MemberReport } from './cluster-member.js';
import { cpuSeconds, Member, Minder, mainThreadSeconds } from './cluster-processes.js';
import type { Say } from './compare.js';

/** One rate, as it went. */
export interface RateFigure {
  readonly wanted: number;
  /** Records a second that were told, over all members; each goes to all others. */
  readonly told: number;
  /** Time from the last announce until all held the same, ms. */
  readonly settleMs: number;
  /** All of it was told and applied as it came. */
  readonly keptUp: boolean;
  /** From an announce until another member's store has it, ms. */
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number };
  /** Cores that were busy: the bus, the minder, replication in one member, announces in one. */
  readonly busCores: number;
  readonly minderCores: number;
  readonly replicationCores: number;
  readonly announceCores: number;
}

export interface SizeFigure {
  readonly members: number;
  readonly rates: readonly RateFigure[];
}

const PEERS_EACH = 50_000;
const SWARMS = 10_000;
const POLL_MS = 10;
const SETTLE_MS_MAX = 60_000;
/** A rate is kept up when all of it was told, and all is well so soon after the last announce. */
const SETTLE_MS_GOOD = 500;
const TOLD_GOOD = 0.97;
/** New code is compiled meanwhile. */
const WARM_UP_MS = 2_000;

export async function measureSize(
  count: number,
  options: ClusterBenchOptions,
  say: Say,
): Promise<SizeFigure> {
  const minder = await Minder.start();
  const members: Member[] = [];
  try {
    for (let index = 0; index < count; index++) {
      const own = { index, members: count, peers: PEERS_EACH, swarms: SWARMS };
      members.push(await Member.start(minder, own));
    }
    await untilAll(members, (reports) => reports.every(({ caughtUp }) => caughtUp));
    const rates: RateFigure[] = [];
    for (const wanted of options.rates) {
      let figure = await measureRate(minder, members, wanted, options.seconds);
      // The machine may have had something else to do just then.
      if (!figure.keptUp) figure = await measureRate(minder, members, wanted, options.seconds);
      rates.push(figure);
      const { told, latencyMs, settleMs } = figure;
      say(
        `${count} trackers, ${wanted}/s: ${Math.round(told)}/s, p50 ${latencyMs.p50.toFixed(1)} ms, p99 ${latencyMs.p99.toFixed(1)} ms, settled after ${Math.round(settleMs)} ms`,
      );
      if (!figure.keptUp) break;
    }
    return { members: count, rates };
  } finally {
    await Promise.all(members.map((member) => member.stop()));
    await minder.stop();
  }
}

async function measureRate(
  minder: Minder,
  members: readonly Member[],
  wanted: number,
  seconds: number,
): Promise<RateFigure> {
  for (const member of members) member.order({ type: 'rate', perSecond: wanted / members.length });
  await sleep(WARM_UP_MS);
  const before = await reading(minder, members);
  await sleep(1_000 * seconds);
  const after = await reading(minder, members);
  for (const member of members) member.order({ type: 'rate', perSecond: 0 });
  const stoppedMs = performance.now();
  const last: MemberReport[][] = [after.reports];
  const settled = await untilAll(members, (reports) => {
    last.push(reports);
    return reports.every(({ digest }) => digest === reports[0].digest);
  });
  const settleMs = performance.now() - stoppedMs;
  const elapsed = after.seconds - before.seconds;
  const told = (sum(after.reports, 'changes') - sum(before.reports, 'changes')) / elapsed;
  const dropped = sum(after.reports, 'dropped') - sum(before.reports, 'dropped');
  const isSettled = settled && settleMs <= SETTLE_MS_GOOD;
  return {
    wanted,
    told,
    settleMs,
    keptUp: isSettled && dropped === 0 && told >= TOLD_GOOD * wanted,
    latencyMs: latencies([before.reports, ...last]),
    busCores: (after.bus - before.bus) / elapsed,
    minderCores: (after.minder - before.minder) / elapsed,
    replicationCores: (after.replication - before.replication) / elapsed / members.length,
    announceCores: (after.announces - before.announces) / elapsed / members.length,
  };
}

async function reading(minder: Minder, members: readonly Member[]) {
  const reports = await Promise.all(members.map((member) => member.report()));
  const announces = members.reduce((total, { pid }) => total + mainThreadSeconds(pid), 0);
  const all = members.reduce((total, { pid }) => total + cpuSeconds(pid), 0);
  return {
    reports,
    bus: cpuSeconds(minder.busPid),
    minder: cpuSeconds(minder.pid),
    announces,
    replication: all - announces,
    seconds: performance.now() / 1000,
  };
}

/**
 * Times from probe to sight of it. Reports follow each other; the first only says where counting
 * begins, since its probes may have been seen before.
 */
function latencies([first, ...rest]: readonly MemberReport[][]): RateFigure['latencyMs'] {
  const times: number[] = [];
  const count = first.length;
  for (let from = 0; from < count; from++) {
    const said = rest.flatMap((reports) => reports[from].probes);
    for (let to = 0; to < count; to++) {
      if (to === from) continue;
      const seen = rest.flatMap((reports) => reports[to].seen[from]);
      // Probes from before the first report may come late: both lists are compared from their ends.
      const pairs = Math.min(said.length, seen.length);
      for (let i = 1; i <= pairs; i++) {
        times.push(seen[seen.length - i] - said[said.length - i]);
      }
    }
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
  return times.length === 0
    ? { p50: Number.NaN, p90: Number.NaN, p99: Number.NaN }
    : { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

function sum(reports: readonly MemberReport[], key: 'changes' | 'dropped'): number {
  return reports.reduce((total, report) => total + report[key], 0);
}

/** Asks all members until it holds; false when it never does. */
async function untilAll(
  members: readonly Member[],
  holds: (reports: MemberReport[]) => boolean,
): Promise<boolean> {
  const endMs = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    const reports = await Promise.all(members.map((member) => member.report()));
    if (holds(reports)) return true;
    if (performance.now() > endMs) return false;
    await sleep(POLL_MS);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
