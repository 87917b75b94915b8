/**
 * Web peers that announced once and stay: many WebSockets in a process of its own, whose memory and
 * descriptors are not the test's. Started from dist/; its first argument is the JSON of
 * `IdlersOrder`. Prints `open` when all are in a swarm, then each connection that is lost on a line.
 * Ends with its standard input.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';

export interface IdlersOrder {
  readonly url: string;
  readonly count: number;
  readonly swarms: number;
}

const WINDOW = 64;

const { url, count, swarms } = JSON.parse(process.argv[2]) as IdlersOrder;
const hashes = Array.from({ length: swarms }, () => randomBytes(20).toString('latin1'));

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Opens one, announces and waits for the counts. From then on it answers pings, and no more. */
async function open(number: number): Promise<void> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  socket.on('error', (error) => say(`lost ${number}: ${error.message}`));
  await once(socket, 'open');
  socket.on('close', (code) => say(`lost ${number}: ${code}`));
  const answered = once(socket, 'message');
  const announce = {
    action: 'announce',
    info_hash: hashes[number % swarms],
    peer_id: randomBytes(20).toString('latin1'),
    left: number % 2,
    event: 'started',
  };
  socket.send(JSON.stringify(announce));
  const [reply] = (await answered) as [Buffer];
  if (!('complete' in (JSON.parse(String(reply)) as object))) say(`refused ${number}: ${reply}`);
}

// The test has gone, or has seen enough: connections end with the process.
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();

let next = 0;
const lane = async () => {
  while (next < count) await open(next++);
};
await Promise.all(Array.from({ length: WINDOW }, lane));
say('open');
