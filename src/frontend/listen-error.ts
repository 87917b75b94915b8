/** What can go wrong when a listen address is bound. `docs/errors.md` lists the same codes. */

export type ListenProtocol = 'udp' | 'http' | 'https';

export const LISTEN_ERROR_CODES = [
  'address_in_use',
  'address_denied',
  'address_unavailable',
  'address_unknown',
  'listen_failed',
] as const;
export type ListenErrorCode = (typeof LISTEN_ERROR_CODES)[number];

export interface ListenFailure {
  readonly code: ListenErrorCode;
  readonly protocol: ListenProtocol;
  /** The address as text, with its port: `0.0.0.0:6969`. */
  readonly address: string;
  /** The system's own word for it: `EADDRINUSE`. */
  readonly cause?: string;
}

/** A listen address that cannot be served. The message says what, where, and what to do. */
export class ListenError extends Error {
  override name = 'ListenError';
  readonly code: ListenErrorCode;
  readonly protocol: ListenProtocol;
  readonly address: string;

  constructor(failure: ListenFailure) {
    super(describe(failure));
    this.code = failure.code;
    this.protocol = failure.protocol;
    this.address = failure.address;
  }
}

function describe({ code, protocol, address, cause }: ListenFailure): string {
  const where = `${protocol} ${address}`;
  const other = `choose another with --${protocol} ADDR:PORT`;
  switch (code) {
    case 'address_in_use':
      return `${where} is held by another process: stop that one, or ${other}`;
    case 'address_denied':
      return `${where} may not be bound by this user: start with the right to bind ports below 1024 (root with --user, or CAP_NET_BIND_SERVICE), or ${other}`;
    case 'address_unavailable':
      return `${where} is no address of this machine: ${other}`;
    case 'address_unknown':
      return `${where} names no host that can be looked up: ${other}`;
    case 'listen_failed':
      return `${where} cannot be bound (${cause ?? 'unknown reason'}): ${other}`;
  }
}

const CODES: Readonly<Record<string, ListenErrorCode>> = {
  EADDRINUSE: 'address_in_use',
  EACCES: 'address_denied',
  EPERM: 'address_denied',
  EADDRNOTAVAIL: 'address_unavailable',
  EAFNOSUPPORT: 'address_unavailable',
  ENETUNREACH: 'address_unavailable',
  ENODEV: 'address_unavailable',
};

/** The system's code of an error (`EADDRINUSE`), or an empty string. */
export function systemCode(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** Passes on what `bind` returns; what it throws becomes a `ListenError` for `address`. */
export function explainBind<T>(protocol: ListenProtocol, address: string, bind: () => T): T {
  try {
    return bind();
  } catch (error) {
    throw listenError(error, protocol, address);
  }
}

/** Turns the system's refusal to bind `address` into a `ListenError`. */
export function listenError(
  error: unknown,
  protocol: ListenProtocol,
  address: string,
): ListenError {
  if (error instanceof ListenError) return error;
  const cause = systemCode(error);
  const code = CODES[cause] ?? 'listen_failed';
  return new ListenError({ code, protocol, address, ...(cause === '' ? {} : { cause }) });
}
