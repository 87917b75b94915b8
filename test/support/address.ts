/** An address and port as the tracker logs it: `127.0.0.1:6969` or `[::1]:6969`. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Splits `HOST:PORT` or `[HOST]:PORT`; throws when it is neither, since a test cannot go on. */
export function parseAddressPort(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) throw new Error(`not ADDR:PORT: ${text}`);
  return { host: match[1] ?? match[2], port: Number(match[3]) };
}

export function formatAddressPort(address: Address): string {
  const { host, port } = address;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
