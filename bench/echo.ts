/**
 * The ceiling: answers each UDP request with as many bytes as a tracker would and no thought at all.
 * What it reaches is what the kernel and our batches allow on this machine.
 *
 * Usage: node dist/bench/echo.js PORT
 */
import { Endpoint } from '../src/lib/endpoint.js';
import { readInt32, UdpReply, writeInt32 } from '../src/load/udp-wire.js';
import { Epoll } from '../src/sys/epoll.js';
import { EPOLLIN } from '../src/sys/linux.js';
import { loadSys } from '../src/sys/load-sys.js';
import { openUdpSocket } from '../src/sys/socket.js';
import { UdpBatch } from '../src/sys/udp-batch.js';

const PEERS_MAX = 200;
const READ_BYTES = 2_048;
const REPLY_BYTES = 1_280;
const SLOTS = 32;

/** Writes action and transaction id as the request has them; returns the length of the reply. */
function reply(request: Uint8Array, length: number, out: Uint8Array): number {
  const action = readInt32(request, 8);
  writeInt32(out, 0, action);
  for (let i = 0; i < 4; i++) out[4 + i] = request[12 + i];
  if (action === UdpReply.connect) return 16;
  if (action === UdpReply.scrape) return 8 + 12 * Math.floor((length - 16) / 20);
  return 20 + 6 * Math.min(readInt32(request, 92), PEERS_MAX);
}

function serve(port: number): void {
  const loaded = loadSys();
  if (!loaded.ok) throw new Error(loaded.reason);
  const { sys } = loaded;
  const local = new Endpoint();
  local.setAddressText('127.0.0.1');
  local.setPort(port);
  const fd = openUdpSocket(sys, { local });
  const epoll = new Epoll(sys, 1);
  epoll.add(fd, EPOLLIN, 0);
  const batch = new UdpBatch(sys, { slots: SLOTS, readBytes: READ_BYTES, replyBytes: REPLY_BYTES });
  process.stdout.write('ready\n');
  for (;;) {
    epoll.wait(-1);
    const count = batch.receive(fd);
    for (let i = 0; i < count; i++) {
      batch.queue(i, reply(batch.packets[i], batch.packetBytes(i), batch.replies[i]));
    }
    batch.send(fd);
  }
}

serve(Number(process.argv[2]));
