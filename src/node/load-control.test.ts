import { describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { TRACKER_COUNTER_BYTES, TrackerCounter } from '../tracker/counters.js';
import {
  createLiveSettings,
  INTERVAL_TOLD_SECONDS_MAX,
  LiveSettings,
} from '../tracker/live-settings.js';
import { LoadControl } from './load-control.js';
import { LoadMeter } from './load-meter.js';
import { parseCpuSeconds, systemThread, threadCpuSeconds } from './system-thread.js';

const OPTIONS = { busyShareMax: 0.8, requestsPerSecondMax: 1_000, stretchMax: 4, hotSeconds: 3 };

function fixture(intervalSeconds = 1_000) {
  const configured = { intervalSeconds, minIntervalSeconds: 500, numwantMax: 200 };
  const memory = createLiveSettings();
  const live = new LiveSettings(memory, configured);
  const worker = new LiveSettings(memory, configured);
  const clock = new ManualClock();
  const lines: string[] = [];
  const load = { busyShare: 0.25, requestsPerSecond: 2_000, requests: 7, visits: 5 };
  const say = (_: object, text: string) => lines.push(text);
  const logger = { info: say, warn: say } as never;
  const control = new LoadControl(
    { ...OPTIONS, calmSeconds: 6 },
    { live, meter: { measure: () => load }, clock, logger },
  );
  const run = (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      control.tick();
      clock.advance(1);
    }
    worker.refresh();
  };
  return { control, worker, load, run, lines };
}

describe('the control of load', () => {
  it('has workers tell a longer interval, says why, and takes it back', () => {
    const { control, worker, load, run, lines } = fixture();
    run(4);
    expect([worker.intervalSeconds, worker.minIntervalSeconds]).toEqual([1_250, 625]);
    expect(control.view()).toEqual({
      busyShare: 0.25,
      requestsPerSecond: 2_000,
      stretch: 1.25,
      intervalSeconds: 1_250,
      draining: false,
      reason: 'requests',
    });
    load.requestsPerSecond = 10;
    run(7);
    expect(worker.intervalSeconds).toBe(1_000);
    expect(control.view().reason).toBe('');
    expect(lines.map((line) => line.split(':')[0])).toEqual(['too much to do', 'the load is over']);
  });

  it('does not say that it stretches what is as long as can be', () => {
    const { worker, run, lines } = fixture(INTERVAL_TOLD_SECONDS_MAX);
    run(20);
    expect([worker.intervalSeconds, worker.stretch]).toEqual([INTERVAL_TOLD_SECONDS_MAX, 1]);
    expect(lines).toEqual([]);
  });

  it('tells other threads what was done so far', () => {
    const { worker, run } = fixture();
    run(1);
    expect(worker.totals).toEqual({ requests: 7, visits: 5, busyShare: 0.25 });
  });
});

describe('the meter of load', () => {
  function meter(cpu: (thread: number) => number | undefined) {
    const tasks = [5, 6].map((thread) => {
      const systemThread = new SharedArrayBuffer(4);
      new Int32Array(systemThread)[0] = thread;
      return { trackerCounts: new SharedArrayBuffer(TRACKER_COUNTER_BYTES), systemThread };
    });
    const time = { ms: 0, process: 0 };
    const load = new LoadMeter(tasks, {
      nowMs: () => time.ms,
      threadCpuSeconds: cpu,
      processCpuSeconds: () => time.process,
    });
    return { load, time, counts: tasks.map((task) => new Float64Array(task.trackerCounts)) };
  }

  it('counts announces and scrapes of all workers, and apart those that may come back', () => {
    const { load, time, counts } = meter(() => 0);
    counts[0][TrackerCounter.udpConnects] = 1_000;
    counts[0][TrackerCounter.udpAnnounces] = 30;
    counts[0][TrackerCounter.udpStops] = 4;
    counts[1][TrackerCounter.httpAnnounces] = 20;
    counts[1][TrackerCounter.httpStops] = 3;
    counts[1][TrackerCounter.httpScrapes] = 10;
    time.ms = 2_000;
    expect(load.measure()).toMatchObject({ requests: 60, visits: 43, requestsPerSecond: 30 });
    time.ms = 3_000;
    expect(load.measure()).toMatchObject({ requests: 60, visits: 43, requestsPerSecond: 0 });
  });

  it('takes the busiest worker', () => {
    const used: Record<number, number> = { 5: 10, 6: 20 };
    const { load, time } = meter((thread) => used[thread]);
    used[5] += 0.25;
    used[6] += 0.75;
    time.ms = 1_000;
    time.process = 100;
    expect(load.measure().busyShare).toBe(0.75);
  });

  it('shares the time of the process out where that of threads is not known', () => {
    const { load, time } = meter(() => undefined);
    time.ms = 1_000;
    time.process = 0.5;
    expect(load.measure().busyShare).toBe(0.25);
  });
});

describe('the time of a thread', () => {
  it('is read behind a name of any kind', () => {
    const line = '77 (a) R 1 (b)) S 1 1 1 0 -1 4194560 9 0 0 0 250 50 0 0 20 0';
    expect(parseCpuSeconds(line)).toBe(3);
    expect(parseCpuSeconds('nonsense')).toBeUndefined();
  });

  it('is that of this thread, or not known', () => {
    const thread = systemThread();
    const seconds = threadCpuSeconds(thread);
    if (thread === 0) expect(seconds).toBeUndefined();
    else expect(seconds).toBeGreaterThanOrEqual(0);
    expect(threadCpuSeconds(0)).toBeUndefined();
  });
});
