/** Whether a bus server still answers: it greets whoever connects, before anything else. */
import { connect } from 'node:net';
import type { NatsAddress } from './nats-config.js';

const GREETING = 'INFO ';

/**
 * Connects and waits for the first bytes of a greeting. Never rejects. `onPort` hears from which port
 * it asks: the server will complain about a guest who left so early.
 */
export function greets(
  { host, port }: NatsAddress,
  limitMs: number,
  onPort: (port: number) => void = () => {},
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: reachable(host), port });
    const limit = setTimeout(() => socket.destroy(), limitMs);
    let text = '';
    socket.once('connect', () => {
      if (socket.localPort !== undefined) onPort(socket.localPort);
    });
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
      if (text.length >= GREETING.length) socket.destroy();
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(limit);
      resolve(text.startsWith(GREETING));
    });
  });
}

/** An address of this machine for one that stands for all of them. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
