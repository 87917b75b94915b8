/** What must hold between settings, each of which is valid by itself. */
import { parseListen } from './listen.js';
import { resolve } from './resolve.js';
import type { Config } from './schema.js';

export interface Relation {
  /** The settings concerned. */
  readonly paths: readonly string[];
  /** What is wrong, or undefined when nothing is. */
  readonly check: (config: Config) => string | undefined;
}

export const RELATIONS: readonly Relation[] = [
  {
    paths: ['announce.minIntervalSeconds', 'announce.intervalSeconds'],
    check({ announce }) {
      const { minIntervalSeconds, intervalSeconds } = announce;
      if (minIntervalSeconds <= intervalSeconds) return undefined;
      return `expected announce.minIntervalSeconds (${minIntervalSeconds}) to be at most announce.intervalSeconds (${intervalSeconds})`;
    },
  },
  {
    paths: ['announce.peerTtlSeconds', 'announce.intervalSeconds', 'announce.intervalJitter'],
    check(config) {
      const { announce } = resolve(config, { hostname: '' });
      const { peerTtlSeconds, intervalSeconds, intervalJitter } = announce;
      // A client that was told the longest interval must still be known when it comes back.
      const longest = Math.floor(intervalSeconds + intervalSeconds * intervalJitter);
      if (peerTtlSeconds > longest) return undefined;
      return `expected announce.peerTtlSeconds (${peerTtlSeconds}) to be more than the longest interval that a client is told (${longest}: announce.intervalSeconds with announce.intervalJitter)`;
    },
  },
  {
    paths: ['announce.numwantDefault', 'announce.numwantMax'],
    check({ announce }) {
      const { numwantDefault, numwantMax } = announce;
      if (numwantDefault <= numwantMax) return undefined;
      return `expected announce.numwantDefault (${numwantDefault}) to be at most announce.numwantMax (${numwantMax})`;
    },
  },
  {
    paths: ['http.proxyProtocol', 'http.trustedProxies'],
    check({ http }) {
      if (!http.proxyProtocol || http.trustedProxies.length > 0) return undefined;
      return 'expected http.trustedProxies to name the proxies when http.proxyProtocol is true; it is empty';
    },
  },
  {
    // Workers share ports, so that the system would not see it, and give each to whom it likes.
    paths: ['https.listen', 'http.listen'],
    check({ http, https }) {
      const taken = https.listen.find((secure) =>
        http.listen.some((plain) => clash(plain, secure)),
      );
      if (taken === undefined) return undefined;
      return `expected https.listen and http.listen to have no address in common; both have ${taken}`;
    },
  },
  {
    paths: ['https.certFile', 'https.keyFile'],
    check({ https }) {
      if ((https.certFile === '') === (https.keyFile === '')) return undefined;
      return 'expected https.certFile and https.keyFile together: each is of no use without the other';
    },
  },
  {
    paths: ['https.listen', 'https.certFile', 'https.acme.directoryUrl'],
    check({ https }) {
      const { listen, certFile, acme } = https;
      const sources = Number(certFile !== '') + Number(acme.directoryUrl !== '');
      if (sources === 1 || (sources === 0 && listen.length === 0)) return undefined;
      return 'expected either https.certFile with https.keyFile or https.acme.directoryUrl: the certificate comes from one of them';
    },
  },
  {
    paths: ['https.moreCertFiles', 'https.moreKeyFiles', 'https.listen'],
    check({ https }) {
      const { moreCertFiles, moreKeyFiles, listen } = https;
      if (moreCertFiles.length !== moreKeyFiles.length) {
        return `expected as many https.moreKeyFiles (${moreKeyFiles.length}) as https.moreCertFiles (${moreCertFiles.length}): they belong together in their order`;
      }
      if (moreCertFiles.length === 0 || listen.length > 0) return undefined;
      return 'expected https.listen, which https.moreCertFiles are for; it is empty';
    },
  },
  {
    paths: [
      'https.acme.directoryUrl',
      'https.acme.domains',
      'https.acme.termsAgreed',
      'https.listen',
      'http.listen',
    ],
    check({ https, http }) {
      const { acme, listen } = https;
      if (acme.directoryUrl === '') return undefined;
      if (acme.domains.length === 0) {
        return 'expected https.acme.domains to name what the certificate is for; it is empty';
      }
      if (acme.domains.some((name) => /^[0-9.]+$|:/.test(name))) {
        return 'expected https.acme.domains to be names: no authority certifies addresses this way';
      }
      if (!acme.termsAgreed) {
        return 'expected https.acme.termsAgreed to be true: the authority asks for it';
      }
      if (listen.length > 0 && http.listen.length > 0) return undefined;
      return 'expected https.listen, which the certificate is for, and http.listen, over which the authority checks the names';
    },
  },
  {
    paths: ['store.shards', 'limits.swarmsMax'],
    check({ store, limits }) {
      if (store.shards <= limits.swarmsMax) return undefined;
      return `expected store.shards (${store.shards}) to be at most limits.swarmsMax (${limits.swarmsMax})`;
    },
  },
  {
    paths: ['cluster.token', 'cluster.join'],
    check({ cluster }) {
      if (cluster.token === '' || cluster.join !== '') return undefined;
      return 'expected cluster.join to name the minder that cluster.token is for; it is empty';
    },
  },
  {
    paths: ['minder.token', 'minder.peer'],
    check({ minder }) {
      if (minder.token === '' || minder.peer !== '') return undefined;
      return 'expected minder.peer to name the minder that minder.token is for; it is empty';
    },
  },
  {
    paths: ['dns.listen', 'dns.updateServer', 'dns.zone'],
    check({ dns }) {
      if (dns.zone !== '' || (dns.listen.length === 0 && dns.updateServer === '')) return undefined;
      return 'expected dns.zone to name the zone that is to be served; it is empty';
    },
  },
  {
    paths: ['dns.updateServer', 'dns.updateKeyFile'],
    check({ dns }) {
      if ((dns.updateServer === '') === (dns.updateKeyFile === '')) return undefined;
      return 'expected dns.updateServer and dns.updateKeyFile together: updates without a key are refused by any server that is safe';
    },
  },
  {
    paths: ['minder.natsUrl', 'minder.natsCredsFile', 'minder.natsAccountKeyFile'],
    check({ minder }) {
      const { natsUrl, natsCredsFile, natsAccountKeyFile } = minder;
      const given = [natsUrl, natsCredsFile, natsAccountKeyFile].filter((text) => text !== '');
      if (given.length === 0 || given.length === 3) return undefined;
      return 'expected minder.natsUrl, minder.natsCredsFile and minder.natsAccountKeyFile together: without the key of the account no tracker could be let in or shut out';
    },
  },
];

/** True for two addresses to listen on that one connection could be meant for. */
function clash(one: string, other: string): boolean {
  const a = parseListen(one);
  const b = parseListen(other);
  if (a === undefined || b === undefined || a.port !== b.port || a.port === 0) return false;
  return a.host === b.host || covers(a.host, b.host) || covers(b.host, a.host);
}

function covers(wildcard: string, host: string): boolean {
  if (wildcard === '') return true;
  const isSix = host.includes(':');
  return (wildcard === '0.0.0.0' && host !== '' && !isSix) || (wildcard === '::' && isSix);
}
