import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { infoHashText } from '../load/torrent-names.js';
import { TrackerThread } from '../load/tracker-thread.testing.js';
import { WebTrackerThread } from '../load/web-tracker-thread.testing.js';
import { loadCommand } from './load.js';

/** Runs the command; gives its output and exit code. */
async function run(...args: string[]) {
  let stdout = '';
  let stderr = '';
  let code = -1;
  const command = loadCommand({
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text), isTTY: true },
    exit: (exitCode) => {
      code = exitCode;
    },
  });
  command.exitOverride().configureOutput({ writeErr: (text) => (stderr += text) });
  try {
    await command.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    code = 2;
  }
  return { stdout, stderr, code };
}

describe('trackerbt load', () => {
  it('leaves other machines alone unless told that they are ours', async () => {
    const { code, stderr } = await run('udp://192.0.2.1:6969');
    expect(code).toBe(2);
    expect(stderr).toContain('--i-own-this-target');
  });

  it('prints the info hashes that it will ask for', async () => {
    const { code, stdout } = await run('udp://127.0.0.1:1', '--list-hashes', '--torrents', '3');
    expect(code).toBe(0);
    expect(stdout).toBe([0, 1, 2].map((i) => `${infoHashText(1, i)}\n`).join(''));
  });

  it.each([
    ['--seconds', '4000'],
    ['--zipf', 'x'],
    ['--peers', '0'],
    ['--churn', '0.6'],
    ['--scrape-hashes', '75'],
    ['--offers', '11'],
    ['--pipeline', '65'],
    ['--connections', '50001'],
  ])('refuses %s %s', async (flag, value) => {
    const { code, stderr } = await run('udp://127.0.0.1:1', flag, value);
    expect(code).toBe(2);
    expect(stderr).toContain(flag);
  });

  it.each([
    ['/no/such/file', 'cannot be read (ENOENT)'],
    [fileURLToPath(import.meta.url), 'holds no certificate in PEM'],
  ])('refuses --tls-ca %s', async (file, reason) => {
    const { code, stderr } = await run('https://127.0.0.1:1', '--tls-ca', file);
    expect(code).toBe(2);
    expect(stderr).toContain(reason);
  });

  it('reports what WebSockets passed on, with defaults of their own', async () => {
    const tracker = await WebTrackerThread.start();
    const url = `ws://127.0.0.1:${tracker.ports.ws}`;
    const few = ['--torrents', '2', '--peers', '20', '--seconds', '0.5', '--warm-up', '0'];
    const people = await run(url, ...few);
    expect(people).toMatchObject({ code: 0 });
    expect(people.stdout).toMatch(/^offers +[1-9]\d* sent, [1-9]\d* passed on$/m);
    expect(people.stdout).toMatch(/^answers +[1-9]\d* sent, [1-9]\d* passed on$/m);
    const json = await run(url, ...few, '--json', '--offers', '0');
    const { options, result } = JSON.parse(json.stdout) as {
      options: object;
      result: { announces: number; signals: object };
    };
    expect(options).toMatchObject({ torrents: 2, connections: 1_000, timeout: 10, offers: 0 });
    expect(result.announces).toBeGreaterThan(0);
    expect(result.signals).toMatchObject({ offersSent: 0, offersReceived: 0 });
    await tracker.stop();
  });

  it('reports for people, with a live line on a terminal, and as JSON', async () => {
    const tracker = await TrackerThread.start();
    const url = `udp://127.0.0.1:${tracker.ports.udp}`;
    const few = ['--torrents', '2', '--peers', '20', '--seconds', '0.3', '--warm-up', '0'];
    const people = await run(url, ...few);
    expect(people.code).toBe(0);
    expect(people.stdout).toMatch(/^per second +\d+$/m);
    expect(people.stdout).toMatch(/^latency +mean .* p99\.9 /m);
    expect(people.stderr).toContain('measuring');
    const json = await run(url, ...few, '--json', '--no-fill');
    const report = JSON.parse(json.stdout) as { result: { requests: number; fill?: unknown } };
    expect(report.result.requests).toBeGreaterThan(0);
    expect(report.result.fill).toBeUndefined();
    await tracker.stop();
    const nobody = await run(`http://127.0.0.1:${tracker.ports.http}`, ...few);
    expect(nobody).toMatchObject({ code: 2, stdout: '' });
    expect(nobody.stderr).toContain('is the tracker running there');
  });
});
