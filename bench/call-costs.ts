/** `npm run bench -- sys`: what a system call costs from here, so that designs rest on numbers. */
import { Endpoint } from '../src/lib/endpoint.js';
import { Epoll } from '../src/sys/epoll.js';
import { loadSys } from '../src/sys/load-sys.js';
import { PinnedMemory } from '../src/sys/pinned-memory.js';
import { openUdpSocket } from '../src/sys/socket.js';
import { UdpBatch } from '../src/sys/udp-batch.js';
import { WakeFd } from '../src/sys/wake-fd.js';

const CALLS = 1_000_000;
const ROUNDS = 3;

/** Prints the best of some rounds, in nanoseconds a call. */
export function benchCallCosts(): void {
  const loaded = loadSys();
  if (!loaded.ok) {
    process.stderr.write(`bench: ${loaded.reason}\n`);
    process.exitCode = 1;
    return;
  }
  const { sys } = loaded;
  const local = new Endpoint();
  local.setAddressText('127.0.0.1');
  const fd = openUdpSocket(sys, { local });
  const epoll = new Epoll(sys, 8);
  const wake = WakeFd.open(sys);
  const batch = new UdpBatch(sys, { slots: 32, readBytes: 2_048, replyBytes: 1_280 });
  const memory = new PinnedMemory(sys, 64);
  const cases: readonly (readonly [string, () => unknown])[] = [
    ['close(-1): a call that fails at once, with errno', () => sys.close(-1)],
    ['recv of nothing (EAGAIN)', () => sys.recv(fd, memory.address, 64, 0)],
    ['epoll_wait of nothing', () => epoll.wait(0)],
    ['eventfd: write', () => wake.wake()],
    ['recvmmsg of nothing, through UdpBatch', () => batch.receive(fd)],
    ['performance.now()', () => performance.now()],
  ];
  process.stdout.write(`| call | ns |\n|---|---|\n`);
  for (const [name, call] of cases) {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < ROUNDS; round++) {
      const start = process.hrtime.bigint();
      for (let i = 0; i < CALLS; i++) call();
      best = Math.min(best, Number(process.hrtime.bigint() - start) / CALLS);
    }
    process.stdout.write(`| ${name} | ${best.toFixed(0)} |\n`);
  }
  wake.close();
  epoll.close();
  sys.close(fd);
}
