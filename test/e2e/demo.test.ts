/** `trackerbt demo` as it is typed: it comes up and lives, and nothing is left of it, however it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, it } from 'vitest';
import type { DemoPlaces } from '../../src/demo/demo.js';
import { until, within } from '../support/deadline.js';
import { COMMAND, childEnvironment, REPOSITORY, watchChild } from '../support/node-process.js';

const LIMIT_MS = 60_000;

class DemoProcess {
  readonly lines: string[] = [];
  readonly exited: Promise<number | null>;

  private constructor(readonly child: ChildProcess) {
    watchChild(child);
    createInterface({ input: child.stderr! }).on('line', (line) => this.lines.push(line));
    this.exited = new Promise((resolve) => child.once('close', resolve));
  }

  static async start(...args: string[]): Promise<[DemoProcess, DemoPlaces]> {
    const child = spawn(process.execPath, [COMMAND, 'demo', '--json', ...args], {
      cwd: REPOSITORY,
      env: childEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const demo = new DemoProcess(child);
    const places = new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout! }).once('line', resolve);
      void demo.exited.then(() => reject(new Error(demo.lines.join('\n'))));
    });
    return [demo, JSON.parse(await within(places, LIMIT_MS, 'a demo')) as DemoPlaces];
  }

  /** Its folder in the system's folder for temporary files. */
  folders(): string[] {
    return readdirSync(tmpdir()).filter((name) =>
      name.startsWith(`trackerbt-demo-${this.child.pid}-`),
    );
  }
}

/** Whoever has the folder of a demo in its command line: its nodes and the bus. */
function processesOf({ minderData }: DemoPlaces): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dirname(minderData));
      } catch {
        return false;
      }
    })
    .map(Number);
}

interface Now {
  readonly values: Readonly<Record<string, number | null>>;
  readonly cluster: { readonly nodes: readonly { name: string; state: string; peers: number }[] };
}

async function now({ map }: DemoPlaces): Promise<Now> {
  return (await (await fetch(new URL('api/v1/now', map))).json()) as Now;
}

async function allHealthy(places: DemoPlaces): Promise<void> {
  await until(
    async () => {
      const { cluster } = await now(places);
      const trackers = cluster.nodes.filter(({ name }) => name !== 'minder');
      const areWell = trackers.every(({ state, peers }) => state === 'healthy' && peers > 200);
      return (trackers.length === places.trackers.length && areWell) || undefined;
    },
    LIMIT_MS,
    'all trackers to know the crowd',
  );
}

const children: DemoProcess[] = [];
afterAll(() => {
  for (const { child } of children) child.kill('SIGKILL');
});

describe.runIf(process.platform === 'linux')('trackerbt demo', () => {
  it('has a cluster and a crowd, survives a tracker and the minder, and leaves nothing after Ctrl-C', async () => {
    const [demo, places] = await DemoProcess.start(
      '--peers',
      '300',
      '--rate',
      '60',
      '--restart',
      '1',
    );
    children.push(demo);
    expect(places.trackers.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    await allHealthy(places);
    const page = new URL('stats.json', places.trackers[0].page);
    const stats = (await (await fetch(page)).json()) as Record<string, Record<string, number>>;
    for (const protocol of ['udp', 'http', 'websocket']) {
      expect(stats[protocol].announces, protocol).toBeGreaterThan(0);
    }
    const people = await fetch(places.trackers[0].publicPage);
    expect(await people.text()).toContain(places.trackers[0].udp.replace('/announce', ''));
    process.kill(places.trackers[1].pid, 'SIGKILL');
    await until(() => demo.lines.find((line) => line.includes('is back')), LIMIT_MS, 'its return');
    expect(demo.lines.join('\n')).toContain('tracker b is gone (SIGKILL)');
    process.kill(places.minderPid, 'SIGKILL');
    await until(
      () => demo.lines.find((line) => line.includes('the minder is back')),
      LIMIT_MS,
      "the minder's return",
    );
    // On the same address: a page that is open finds it again.
    await allHealthy(places);
    expect(processesOf(places).length).toBeGreaterThanOrEqual(5);
    demo.child.kill('SIGINT');
    expect(await within(demo.exited, LIMIT_MS, 'its end')).toBe(0);
    expect(processesOf(places)).toEqual([]);
    expect(demo.folders()).toEqual([]);
  });

  it('comes up beside another one that starts at the same time, and ends when its time is over', async () => {
    const few = ['--trackers', '2', '--peers', '20', '--rate', '10', '--seconds', '1'];
    const starts = [DemoProcess.start(...few), DemoProcess.start(...few)];
    const demos = await Promise.all(starts);
    const pages = demos.flatMap(([, { map, trackers }]) => [map, ...trackers.map((t) => t.page)]);
    expect(new Set(pages).size).toBe(6);
    for (const [demo, places] of demos) {
      children.push(demo);
      expect(await within(demo.exited, LIMIT_MS, 'its end')).toBe(0);
      expect(processesOf(places)).toEqual([]);
      expect(demo.folders()).toEqual([]);
    }
  });

  it('leaves nothing when its readers are gone before it, as `tee` is at Ctrl-C', async () => {
    const few = ['--trackers', '2', '--peers', '20', '--rate', '10'];
    const [demo, places] = await DemoProcess.start(...few);
    children.push(demo);
    demo.child.stdout!.destroy();
    demo.child.stderr!.destroy();
    demo.child.kill('SIGINT');
    expect(await within(demo.exited, LIMIT_MS, 'its end')).toBe(0);
    expect(processesOf(places)).toEqual([]);
    expect(demo.folders()).toEqual([]);
  });

  it('leaves no process when it is killed, and its folder to the next one', async () => {
    const [demo, places] = await DemoProcess.start('--peers', '20', '--rate', '10');
    children.push(demo);
    demo.child.kill('SIGKILL');
    await until(() => processesOf(places).length === 0 || undefined, LIMIT_MS, 'nobody to be left');
    expect(existsSync(dirname(places.minderData))).toBe(true);
    const [next, others] = await DemoProcess.start(
      '--peers',
      '20',
      '--rate',
      '10',
      '--trackers',
      '2',
    );
    children.push(next);
    expect(existsSync(dirname(places.minderData))).toBe(false);
    next.child.kill('SIGTERM');
    expect(await within(next.exited, LIMIT_MS, 'its end')).toBe(0);
    expect(processesOf(others)).toEqual([]);
  });
});
