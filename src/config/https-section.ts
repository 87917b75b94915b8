/** The settings of HTTPS and of how it gets its certificate. */
import { z } from 'zod';
import * as leaves from './leaves.js';

const acme = z.strictObject({
  directoryUrl: leaves
    .httpsUrl()
    .default('')
    .describe(
      'Directory of the certificate authority, such as https://acme-v02.api.letsencrypt.org/directory; empty is off.',
    ),
  domains: leaves
    .hostList()
    .default([])
    .describe('Names to get a certificate for; each must lead to this tracker, port 80.'),
  contact: leaves
    .line('an e-mail address', 0, 255)
    .default('')
    .describe('Where the authority may write to about the account.'),
  termsAgreed: leaves
    .yesNo()
    .default(false)
    .describe('Whether you agree to the terms of the authority; needed.'),
});

export const https = z.strictObject({
  listen: leaves
    .listenList()
    .default([])
    .describe('Where announces and scrapes are served over HTTPS.'),
  certFile: leaves
    .line('a path', 0, 4_096)
    .default('')
    .describe(
      'Certificate in PEM, followed by those that lead to the root; read again when it changes and at SIGHUP.',
    ),
  keyFile: leaves
    .line('a path', 0, 4_096)
    .default('')
    .describe('Key of the certificate in PEM, without a passphrase, of mode 0600.'),
  moreCertFiles: leaves
    .pathList({ mayRepeat: false })
    .default([])
    .describe(
      'Certificates for other names, each as certFile; a client gets the first that has the name it asks for, and else that of certFile.',
    ),
  moreKeyFiles: leaves
    .pathList({ mayRepeat: true })
    .default([])
    .describe('Keys of moreCertFiles, in the same order.'),
  connectionsMax: leaves
    .whole(1, 1_000_000)
    .default(20_000)
    .describe('Open client connections over TLS, all listeners and workers together.'),
  handshakeSeconds: leaves
    .whole(1, 120)
    .default(10)
    .describe('How long a TLS handshake may take, in seconds.'),
  handshakesMax: leaves
    .whole(1, 65_536)
    .default(1_024)
    .describe('TLS handshakes under way, all listeners and workers together.'),
  acme: acme
    .prefault({})
    .describe('Certificates by ACME (RFC 8555), proved over HTTP: instead of files.'),
});
