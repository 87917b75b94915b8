/** What can go wrong at the start of the name server. `docs/errors.md` lists the same codes. */
import type { ListenError, ListenErrorCode } from '../frontend/listen-error.js';

export const DNS_ERROR_CODES = [
  'dns_address_in_use',
  'dns_address_denied',
  'dns_address_unavailable',
  'dns_name_server_invalid',
  'dns_zone_invalid',
  'tsig_key_invalid',
] as const;
export type DnsErrorCode = (typeof DNS_ERROR_CODES)[number];

/** The zone cannot be served or sent. `message` is for the operator. */
export class DnsError extends Error {
  override name = 'DnsError';
  constructor(
    readonly code: DnsErrorCode,
    message: string,
  ) {
    super(message);
  }
}

const LISTEN_CODES: Readonly<Record<ListenErrorCode, DnsErrorCode>> = {
  address_in_use: 'dns_address_in_use',
  address_denied: 'dns_address_denied',
  address_unavailable: 'dns_address_unavailable',
  address_unknown: 'dns_address_unavailable',
  listen_failed: 'dns_address_unavailable',
};

/** Explains why `--dns` cannot be bound. */
export function dnsListenError(error: ListenError, protocol: 'udp' | 'tcp'): DnsError {
  const code = LISTEN_CODES[error.code];
  const where = `${protocol} ${error.address}`;
  const other = 'choose another with --dns ADDR:PORT';
  if (code === 'dns_address_in_use') {
    return new DnsError(
      code,
      `${where} is held by another process (a resolver such as systemd-resolved, often): stop that one, or ${other}`,
    );
  }
  if (code === 'dns_address_denied') {
    return new DnsError(
      code,
      `${where} may not be bound by this user: start with the right to bind ports below 1024 (root with --user, or CAP_NET_BIND_SERVICE), or ${other}`,
    );
  }
  return new DnsError(code, `${where} cannot be bound: it is no address of this machine; ${other}`);
}
