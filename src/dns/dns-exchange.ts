/**
 * Asks a name server one thing: over UDP while the message is short, over TCP when it is not, when
 * the answer was cut, and when nothing came back.
 */
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { HEADER_BYTES, HeaderFlag } from './codes.js';
import { UpdateError } from './update-error.js';

export interface NameServer {
  /** An address or a host name. */
  readonly host: string;
  readonly port: number;
}

/** What a message without EDNS may have over UDP: RFC 1035, section 4.2.1. */
const UDP_BYTES_MAX = 512;
const UDP_TIMEOUT_MS = 3_000;
const TCP_TIMEOUT_MS = 5_000;
const LENGTH_BYTES = 2;

interface Address {
  readonly address: string;
  readonly family: number;
  readonly port: number;
}

/** Resolves to the answer to `message`; rejects with an `UpdateError` when none came. */
export async function exchange(
  { host, port }: NameServer,
  message: Uint8Array,
  signal: AbortSignal,
): Promise<Buffer> {
  const server = { ...(await lookUp(host)), port };
  if (message.length <= UDP_BYTES_MAX) {
    const answer = await overUdp(server, message, signal);
    if (answer !== undefined && (answer.readUInt16BE(2) & HeaderFlag.truncated) === 0)
      return answer;
  }
  return overTcp(server, message, signal);
}

async function lookUp(host: string): Promise<{ address: string; family: number }> {
  try {
    return await lookup(host);
  } catch {
    throw unreachable(`the name server ${host} names no host that can be looked up`);
  }
}

/** Resolves to undefined when no answer came: there are networks that let only TCP through. */
function overUdp(
  { address, family, port }: Address,
  message: Uint8Array,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  return new Promise((resolve) => {
    let isOver = false;
    const finish = (answer?: Buffer) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      socket.close();
      resolve(answer);
    };
    const giveUp = () => finish();
    const timer = setTimeout(giveUp, UDP_TIMEOUT_MS);
    signal.addEventListener('abort', giveUp);
    socket.on('error', giveUp);
    socket.on('message', (answer) => {
      if (isAnswerTo(message, answer)) finish(answer);
    });
    // Connected: the system passes on nothing that comes from elsewhere. Node hands this the error
    // of a failed one, such as no way to there, and `send` would throw where nobody catches it.
    socket.connect(port, address, (error?: Error | null) => {
      if (isOver) return;
      if (error) {
        giveUp();
        return;
      }
      socket.send(message, (error) => {
        if (error !== null) giveUp();
      });
    });
    if (signal.aborted) giveUp();
  });
}

function overTcp(
  { address, port }: Address,
  message: Uint8Array,
  signal: AbortSignal,
): Promise<Buffer> {
  const where = `the name server ${address} port ${port}`;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true });
    let received: Buffer = Buffer.alloc(0);
    const finish = (act: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      socket.destroy();
      // Only the first of these calls counts.
      act();
    };
    const fail = (why: string) => finish(() => reject(unreachable(`${where} ${why}`)));
    const giveUp = () => fail('was not waited for any longer');
    const timer = setTimeout(() => fail('does not answer'), TCP_TIMEOUT_MS);
    signal.addEventListener('abort', giveUp);
    socket.on('error', (error) => fail(`cannot be reached: ${error.message}`));
    socket.on('end', () => fail('closed the connection without an answer'));
    socket.on('connect', () => {
      const framed = Buffer.alloc(LENGTH_BYTES + message.length);
      framed.writeUInt16BE(message.length);
      framed.set(message, LENGTH_BYTES);
      socket.write(framed);
    });
    // Bounded by the length in front, which two bytes hold.
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < LENGTH_BYTES) return;
      const end = LENGTH_BYTES + received.readUInt16BE(0);
      if (received.length < end) return;
      const answer = received.subarray(LENGTH_BYTES, end);
      if (isAnswerTo(message, answer)) finish(() => resolve(answer));
      else fail('sent something that is no answer');
    });
    if (signal.aborted) giveUp();
  });
}

function isAnswerTo(message: Uint8Array, answer: Buffer): boolean {
  if (answer.length < HEADER_BYTES || (answer[2] & 0x80) === 0) return false;
  return answer[0] === message[0] && answer[1] === message[1];
}

function unreachable(message: string): UpdateError {
  return new UpdateError('update_unreachable', message);
}
