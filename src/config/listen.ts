import { parseAddress } from '../lib/endpoint.js';

/** Where to listen. Port 0 lets the system choose. */
export interface ListenAddress {
  /** An IP address without brackets; '' stands for every address of both families. */
  readonly host: string;
  readonly port: number;
}

/** What `parseListen` takes, for messages. */
export const LISTEN_EXPECTS =
  'ADDR:PORT (such as *:6969, 127.0.0.1:6969 or [::1]:6969; port 0 to 65535)';

const LISTEN = /^(?:(?:(\*?)|\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([0-9.]+)):)?(0|[1-9][0-9]{0,4})$/;
const scratch = new Uint8Array(16);

/**
 * Reads `6969`, `:6969` or `*:6969` (every address), `127.0.0.1:6969`, `[::1]:0`. Host names are not
 * taken: `localhost` may be one address or two, and a listener should not depend on a resolver.
 * Returns undefined when the text is none of these.
 */
export function parseListen(text: string): ListenAddress | undefined {
  if (text.length > 80) return undefined;
  const match = LISTEN.exec(text);
  if (match === null) return undefined;
  const [, , six, four, digits] = match;
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (six !== undefined && (!six.includes(':') || parseAddress(six, scratch) !== 16))
    return undefined;
  if (four !== undefined && parseAddress(four, scratch) !== 4) return undefined;
  return { host: six ?? four ?? '', port };
}
