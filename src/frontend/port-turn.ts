/**
 * Trackers that start at the same moment take turns at a port. Each looks whether the port is free
 * (port-probe.ts) and then has its workers share it; one that looked in between would see a free
 * port too, and both would serve it, each to some of the clients.
 *
 * A turn is a listening socket in Linux's abstract namespace. The kernel gives a name to one process
 * at a time, in one network namespace as it does ports, and takes it back when the process ends.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Longest wait. A start takes a second, many times that on a machine that is overloaded; a process
 * that stands still, or sits on a name for spite, is to keep nobody from starting.
 */
const WAIT_MS_MAX = 30_000;
/** Between two looks at a name that is taken and where nobody listens yet, or no longer. */
const PAUSE_MS = 20;

/**
 * Acts when it is our turn at all of these ports, or after `waitMsMax`: the look at the port still
 * refuses one that is served. Port 0 needs no turn. Elsewhere than on Linux there are no turns.
 */
export async function inTurn<T>(
  ports: Iterable<number>,
  act: () => Promise<T>,
  { waitMsMax = WAIT_MS_MAX }: { readonly waitMsMax?: number } = {},
): Promise<T> {
  if (process.platform !== 'linux') return act();
  const deadlineMs = performance.now() + waitMsMax;
  // In one order, so that no two wait for each other.
  const wanted = [...new Set(ports)].filter((port) => port !== 0).sort((a, b) => a - b);
  const turns: Turn[] = [];
  try {
    for (const port of wanted) {
      const turn = await takeTurn(`\0trackerbt-port-${port}`, deadlineMs);
      if (turn !== undefined) turns.push(turn);
    }
    return await act();
  } finally {
    for (const turn of turns) turn.release();
  }
}

async function takeTurn(name: string, deadlineMs: number): Promise<Turn | undefined> {
  for (;;) {
    const turn = await Turn.take(name);
    if (turn !== undefined) return turn;
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) return undefined;
    await released(name, leftMs);
    await sleep(Math.min(PAUSE_MS, leftMs));
  }
}

class Turn {
  /** Those who wait: the end of their connection is the sign. */
  readonly #waiting = new Set<Socket>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((socket) => {
      this.#waiting.add(socket.unref());
      socket.on('error', () => {});
      socket.on('close', () => this.#waiting.delete(socket));
    }).unref();
  }

  /** Undefined when another has the name. */
  static take(name: string): Promise<Turn | undefined> {
    const turn = new Turn();
    return new Promise((resolve) => {
      turn.#server.on('error', () => resolve(undefined));
      turn.#server.listen(name, () => resolve(turn));
    });
  }

  release(): void {
    this.#server.close();
    for (const socket of this.#waiting) socket.destroy();
  }
}

/** Resolves when the holder of a name lets go of it, or does not listen, or the time is over. */
function released(name: string, leftMs: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(name);
    socket.setTimeout(leftMs, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.resume();
  });
}
