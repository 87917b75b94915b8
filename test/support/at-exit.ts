/**
 * What must not outlive a test process: children, folders, devices. Vitest ends its workers with
 * SIGTERM, and then `exit` listeners do not run by themselves.
 */
const acts = new Set<() => void>();

/** Calls `act`, which must not wait for anything, when this process exits or is told to end. */
export function atExit(act: () => void): void {
  acts.add(act);
}

function cleanUp(): void {
  for (const act of acts) act();
  acts.clear();
}

process.once('exit', cleanUp);
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    cleanUp();
    // Our listener is gone by now, so the signal does what it does to any process.
    process.kill(process.pid, signal);
  });
}
