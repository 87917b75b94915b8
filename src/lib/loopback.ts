/** Addresses of this machine itself: bounds that are per address do not count them. */
import type { Endpoint } from './endpoint.js';

const LOOPBACK4 = 127;

export function isLoopback({ family, bytes }: Endpoint): boolean {
  if (family === 4) return bytes[0] === LOOPBACK4;
  for (let i = 0; i < 15; i++) if (bytes[i] !== 0) return false;
  return bytes[15] === 1;
}
