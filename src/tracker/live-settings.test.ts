import { describe, expect, it } from 'vitest';
import {
  createLiveSettings,
  INTERVAL_TOLD_SECONDS_MAX,
  LIVE_SETTINGS_BYTES,
  LiveSettings,
} from './live-settings.js';

const CONFIGURED = { intervalSeconds: 1_799, minIntervalSeconds: 899, numwantMax: 150 };

function views() {
  const memory = createLiveSettings();
  const make = () => new LiveSettings(memory, CONFIGURED);
  return { main: make(), cluster: make(), worker: make() };
}

function told({ intervalSeconds, minIntervalSeconds, numwantMax, draining }: LiveSettings) {
  return { intervalSeconds, minIntervalSeconds, numwantMax, draining };
}

describe('live settings', () => {
  it('are what is configured until somebody says otherwise', () => {
    const { worker } = views();
    worker.refresh();
    expect(told(worker)).toEqual({ ...CONFIGURED, draining: false });
    expect([worker.stretch, worker.baseIntervalSeconds]).toEqual([1, 1_799]);
    expect(createLiveSettings().byteLength).toBe(LIVE_SETTINGS_BYTES);
  });

  it('reach another thread at its next batch, and not within one', () => {
    const { main, cluster, worker } = views();
    cluster.setCluster(100, 0);
    cluster.setDraining(true);
    main.setStretch(1.5);
    expect(told(worker)).toEqual({ ...CONFIGURED, draining: false });
    worker.refresh();
    expect(told(worker)).toEqual({
      intervalSeconds: 150,
      minIntervalSeconds: 74,
      numwantMax: 0,
      draining: true,
    });
    cluster.setCluster(null, null);
    cluster.setDraining(false);
    main.setStretch(1);
    worker.refresh();
    expect(told(worker)).toEqual({ ...CONFIGURED, draining: false });
  });

  it('never ask for more than a bounded interval, nor for less than a second', () => {
    const { main, cluster, worker } = views();
    cluster.setCluster(INTERVAL_TOLD_SECONDS_MAX, null);
    main.setStretch(16);
    worker.refresh();
    expect(worker.intervalSeconds).toBe(INTERVAL_TOLD_SECONDS_MAX);
    cluster.setCluster(1, null);
    main.setStretch(1);
    worker.refresh();
    expect([worker.intervalSeconds, worker.minIntervalSeconds]).toEqual([1, 1]);
  });

  it('carry the totals past 32 bits, apart from the settings', () => {
    const { main, cluster, worker } = views();
    main.setTotals({ requests: 2 ** 40, visits: 7, busyShare: 0.5 });
    expect(cluster.totals).toEqual({ requests: 2 ** 40, visits: 7, busyShare: 0.5 });
    worker.refresh();
    expect(told(worker)).toEqual({ ...CONFIGURED, draining: false });
  });
});
