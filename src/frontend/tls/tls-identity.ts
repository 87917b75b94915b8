/** Who a TLS listener says it is: a certificate chain and its key, both PEM. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

export const TLS_IDENTITY_ERROR_CODES = ['tls_file_unreadable', 'tls_pair_invalid'] as const;
export type TlsIdentityErrorCode = (typeof TLS_IDENTITY_ERROR_CODES)[number];

/** A certificate or key that cannot be used. The message never holds anything of the key. */
export class TlsIdentityError extends Error {
  override name = 'TlsIdentityError';
  constructor(
    readonly code: TlsIdentityErrorCode,
    message: string,
  ) {
    super(message);
  }
}

export interface TlsIdentity {
  /** The certificate, then those that lead to the root. */
  readonly cert: string;
  readonly key: string;
  /** Of the first certificate: what it is for, and until when, in ms since 1970. */
  readonly names: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** True when the certificate is for that host name; wildcards count. Never throws. */
  readonly isFor: (name: string) => boolean;
}

/** Large enough for any chain; a file above is none. */
export const PEM_BYTES_MAX = 256 * 1024;

/** Throws TlsIdentityError (`tls_pair_invalid`) unless key and certificate are whole and belong together. */
export function tlsIdentity(cert: string, key: string): TlsIdentity {
  let first: X509Certificate;
  try {
    first = new X509Certificate(cert);
  } catch {
    throw invalid('the certificate file holds no PEM certificate');
  }
  try {
    if (!first.checkPrivateKey(createPrivateKey(key))) {
      throw invalid('the key belongs to another certificate (its own comes first in the file)');
    }
  } catch (error) {
    if (error instanceof TlsIdentityError) throw error;
    throw invalid('the key file holds no PEM private key without a passphrase');
  }
  try {
    createSecureContext({ cert, key });
  } catch {
    // A key too short, or a chain that is damaged behind its first certificate.
    throw invalid('OpenSSL refuses certificate and key');
  }
  return {
    cert,
    key,
    names: first.subjectAltName ?? first.subject,
    notBeforeMs: Date.parse(first.validFrom),
    notAfterMs: Date.parse(first.validTo),
    isFor: (name) => {
      try {
        return first.checkHost(name) !== undefined;
      } catch {
        return false;
      }
    },
  };
}

function invalid(what: string): TlsIdentityError {
  return new TlsIdentityError('tls_pair_invalid', what);
}
