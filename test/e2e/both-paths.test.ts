/**
 * The same bytes get the same answers on the fast and on the portable path: what clients send, what
 * it becomes with a few things wrong, and every corner of HTTP/1.1 that one parser might judge as
 * another would not. Peers are compared as a set. What only one of them spells out, that a connection is
 * kept and for how long, is left out: that it is kept shows in what follows.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Address } from '../support/address.js';
import { HttpWire } from '../support/http-wire.js';
import { type Prng, seededPrng } from '../support/prng.js';
import { TrackerProcess } from '../support/tracker-process.js';

const ROUNDS = 400;
const KEPT = /^(connection: )?keep-alive/;

let fast: TrackerProcess;
let portable: TrackerProcess;
beforeAll(async () => {
  const config = { announce: { intervalJitter: 0 } };
  [fast, portable] = await Promise.all(
    ['fast', 'portable'].map((io) => TrackerProcess.start({ config, args: ['--io', io] })),
  );
});
afterAll(async () => {
  await fast?.remove();
  await portable?.remove();
});

/** Sends the parts, one after the other, half-closes, and reads to the end. */
async function exchange(server: Address, parts: readonly Buffer[]): Promise<string[]> {
  const wire = await HttpWire.open(server);
  try {
    for (const part of parts) await new Promise((resolve) => wire.socket.write(part, resolve));
    wire.socket.end();
    return repliesOf((await wire.closed()).toString('latin1'));
  } finally {
    wire.close();
  }
}

/** Each reply of a connection as a line that is the same when the reply says the same. */
function repliesOf(text: string): string[] {
  const replies = text.split(/(?=HTTP\/1\.1 \d{3} )/);
  return replies.filter(Boolean).map((reply) => {
    const end = reply.indexOf('\r\n\r\n');
    const [status, ...lines] = reply.slice(0, end).toLowerCase().split('\r\n');
    const headers = lines.filter((line) => !KEPT.test(line)).sort();
    return [status, ...headers, JSON.stringify(withPeersSorted(reply.slice(end + 4)))].join('\n');
  });
}

function withPeersSorted(body: string): string {
  const found = /5:peers(\d+):/.exec(body);
  if (found === null) return body;
  const start = found.index + found[0].length;
  const end = start + Number(found[1]);
  const peers = body.slice(start, end).match(/.{6}/gs) ?? [];
  return body.slice(0, start) + peers.sort().join('') + body.slice(end);
}

async function expectSame(parts: readonly Buffer[], what: string): Promise<string[]> {
  const [one, other] = await Promise.all([
    exchange(fast.http4, parts),
    exchange(portable.http4, parts),
  ]);
  expect(one, what).toEqual(other);
  return one;
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

const HASH = '%AB%01cdefghijklmno%20%7eR+';
/** What clients send. */
const CLIENTS: readonly string[] = [
  // Transmission
  `GET /announce?info_hash=${HASH}&peer_id=-TR3000-0123456789ab&port=51413&uploaded=0&downloaded=0&left=100&numwant=80&key=1a2b3c&compact=1&supportcrypto=1&event=started HTTP/1.1\r\nHost: t:6969\r\nUser-Agent: Transmission/3.00\r\nAccept: */*\r\nAccept-Encoding: deflate, gzip\r\n\r\n`,
  // qBittorrent and Deluge, which are libtorrent
  `GET /announce?info_hash=${HASH}&peer_id=-qB4500-abcdefghijkl&port=8999&uploaded=0&downloaded=0&left=0&corrupt=0&key=ABCD1234&event=completed&numwant=200&compact=1&no_peer_id=1&supportcrypto=1&redundant=0&ipv6=fe80%3a%3a1 HTTP/1.1\r\nHost: t\r\nUser-Agent: qBittorrent/4.5.0\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n`,
  // uTorrent
  `GET /announce?info_hash=${HASH}&peer_id=-UT3550-abcdefghijkl&port=1234&uploaded=0&downloaded=0&left=5&corrupt=0&key=9&event=stopped&numwant=0&compact=1&no_peer_id=1&ip=192.0.2.4 HTTP/1.1\r\nHost: t\r\nUser-Agent: uTorrent/355\r\nAccept-Encoding: gzip\r\n\r\n`,
  // aria2
  `GET /announce?info_hash=${HASH}&peer_id=A2-1-36-0-abcdefghij&uploaded=0&downloaded=0&left=1&compact=1&key=A2&numwant=50&no_peer_id=1&port=6881&event=started&supportcrypto=1 HTTP/1.1\r\nUser-Agent: aria2/1.36.0\r\nAccept: */*\r\nHost: t\r\nPragma: no-cache\r\nCache-Control: no-cache\r\nAccept-Encoding: deflate, gzip\r\nConnection: close\r\n\r\n`,
  // rTorrent
  `GET /announce?info_hash=${HASH}&peer_id=-lt0D80-abcdefghijkl&key=1&compact=1&port=6882&uploaded=0&downloaded=0&left=7 HTTP/1.1\r\nUser-Agent: rtorrent/0.9.8\r\nHost: t\r\nAccept: */*\r\nAccept-Encoding: deflate\r\nConnection: Keep-Alive\r\n\r\n`,
  // BiglyBT
  `GET /announce?info_hash=${HASH}&peer_id=-BI3300-abcdefghijkl&supportcrypto=1&port=6883&azudp=6883&uploaded=0&downloaded=0&left=9&corrupt=0&event=started&numwant=100&no_peer_id=1&compact=1&key=Z&azver=3 HTTP/1.1\r\nUser-Agent: BiglyBT 3.3.0.0\r\nConnection: close\r\nAccept-Encoding: gzip\r\nHost: t\r\nAccept: text/html, */*\r\n\r\n`,
  // Scrapes, and old ones
  `GET /scrape?info_hash=${HASH}&info_hash=bbbbbbbbbbbbbbbbbbbb HTTP/1.1\r\nHost: t\r\n\r\n`,
  `GET /announce?info_hash=${HASH}&port=1 HTTP/1.0\r\n\r\n`,
  `GET /announce?info_hash=${HASH}&port=1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`,
  // Not plain
  `HEAD /scrape?info_hash=${HASH} HTTP/1.1\r\nHost: t\r\n\r\n`,
  'OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n',
  'POST /announce HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nabcd',
  `GET http://t:1/announce?info_hash=${HASH}&port=3 HTTP/1.1\r\nHost: t\r\n\r\n`,
];

const PLAIN = CLIENTS[0];
/** Ends a connection whatever came before it. */
const LAST = '\r\n\r\nGET /nothing HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n';

const LINES: readonly string[] = [
  ...['Connection: close', 'Connection: keep-alive', 'connection:keep-alive', 'Connection:'],
  ...['CONNECTION: Close ', 'Connection: close, x', 'Connection: TE', 'TE: trailers'],
  ...['Content-Length: 0', 'Content-Length: 4', 'content-length:4', 'Content-Length: +4'],
  ...['Content-Length: 4, 4', 'Content-Length: 0x4', 'Content-Length:', 'Content-Length : 4'],
  ...['Content-Length: -1', 'Content-Length: 99999999999999999999', 'Content-Length: 65537'],
  ...['Transfer-Encoding: chunked', 'Transfer-Encoding: identity', 'Transfer-Encoding: xchunked'],
  ...['Transfer-Encoding: gzip, chunked', 'Transfer-Encoding:\tchunked', 'Trailer: a'],
  ...['Expect: 100-continue', 'Expect: x', 'Upgrade: h2c', 'Upgrade: websocket', 'Host: u'],
  ...['X-Forwarded-For: 192.0.2.9', 'X: \t y \t', 'X:', 'Folded: a\r\n b', 'Folded: a\r\n\tb'],
  ...['Bad Name: x', 'X: a\x00b', 'X: a\x01b', 'X: a\x7fb', 'X: a\rb', 'X: a\nb', 'Z', ':x', ' y'],
  ...['Keep-Alive: 1', 'HTTP2-Settings: AAA', `X: ${'y'.repeat(9_000)}`],
];

const FRAGMENTS: readonly string[] = [
  ...['\r\n', '\n', '\r', '\r\n\r\n', ' ', '\0', '\x7f', '%', '%zz', '%00', '?', '&', '#'],
  ...['=', '/', '//', ':', '+', '"', '<', '\\', ' HTTP/1.1', 'HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0'],
  ...[
    'GET ',
    'get ',
    'a'.repeat(9_000),
    '0\r\n\r\n',
    '4\r\nabcd\r\n',
    '-1',
    '18446744073709551616',
  ],
  ...['&info_hash=', '&left', '&event=paused', '&numwant=-1', '&port=0', '&compact=0', '&ip=::1'],
];

const withLine = (line: string): string => PLAIN.replace('Accept: */*', line);

/** By name: bytes, to which a further request and the end are added. */
const CORNERS: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['line ends before a request', `\r\n\r\n${PLAIN}`],
  ['line ends between requests', `${PLAIN}\r\n${PLAIN}\n${PLAIN}\r`],
  ['a space before a request', ` ${PLAIN}`],
  ['bare line feeds', PLAIN.replaceAll('\r\n', '\n')],
  ['a bare line feed at the end', PLAIN.replace(/\r\n$/, '\n')],
  ['carriage returns', PLAIN.replaceAll('\r\n', '\r')],
  ['HTTP/0.9', 'GET /announce\r\n'],
  ['HTTP/1.2', PLAIN.replace('HTTP/1.1', 'HTTP/1.2')],
  ['HTTP/2.0', PLAIN.replace('HTTP/1.1', 'HTTP/2.0')],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a method in small letters', PLAIN.replace('GET', 'get')],
  ['two spaces', PLAIN.replace(' HTTP', '  HTTP')],
  ['a tab for a space', PLAIN.replace('GET ', 'GET\t')],
  ['a space behind the version', PLAIN.replace('1.1\r', '1.1 \r')],
  ['a fragment', PLAIN.replace(' HTTP', '#x#y HTTP')],
  ['a second question mark', PLAIN.replace(' HTTP', '?&&x=?=& HTTP')],
  ['characters that no URL has', PLAIN.replace(' HTTP', '&x="<>\\^`{|} HTTP')],
  ['an encoded path', PLAIN.replace('/announce', '/%61nnounce')],
  ['dots in the path', PLAIN.replace('/announce', '/./announce')],
  ['an absolute target in capitals', PLAIN.replace('/', 'HTTPS://u:p@[::1]:80/')],
  ['a target too long for a head', PLAIN.replace(' HTTP', `&x=${'x'.repeat(20_000)} HTTP`)],
  ['more headers than anybody counts', withLine(Array(1_200).fill('A: b').join('\r\n'))],
  ['bytes outside ASCII in a value', withLine('X: \x80\xff')],
  ['bytes outside ASCII in a name', withLine('X\xff: x')],
  ['both ends of a connection', withLine('Connection: close\r\nConnection: keep-alive')],
  ['both, the other way', withLine('Connection: keep-alive\r\nConnection: close')],
  [
    'both in HTTP/1.0',
    withLine('Connection: keep-alive\r\nConnection: close').replace('1.1', '1.0'),
  ],
  ['one length twice', `${withLine('Content-Length: 4\r\nContent-Length: 4')}abcd`],
  ['two lengths', `${withLine('Content-Length: 4\r\nContent-Length: 5')}abcd`],
  ['two framings', `${withLine('Content-Length: 4\r\nTransfer-Encoding: chunked')}0\r\n\r\n`],
  ['chunks', `${withLine('Transfer-Encoding: chunked')}4;a=b\r\nabcd\r\n0\r\nX: y\r\n\r\n`],
  ['chunks with line feeds', `${withLine('Transfer-Encoding: chunked')}4\nabcd\n0\n\n`],
  ['a WebSocket', withLine('Upgrade: websocket\r\nConnection: Upgrade')],
  ['another protocol', withLine('Upgrade: h2c\r\nConnection: Upgrade')],
  ['CONNECT', 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ...LINES.map((line) => [JSON.stringify(line.slice(0, 40)), withLine(line)] as const),
];

describe('both paths answer the same', () => {
  it.each(CORNERS)('to %s', async (_name, text) => {
    await expectSame([bytesOf(text + PLAIN + LAST)], JSON.stringify(text));
  });

  it('to a client whose request comes in two pieces, wherever it is cut', async () => {
    const bytes = bytesOf(PLAIN);
    const [whole] = await expectSame([bytes], PLAIN);
    expect(whole).toMatch(/^http\/1\.1 200 ok/);
    for (let cut = 1; cut < bytes.length; cut++) {
      const parts = [bytes.subarray(0, cut), bytes.subarray(cut)];
      expect(await expectSame(parts, `cut at ${cut}`)).toEqual([whole]);
    }
  });

  it('to what clients send, with a few things wrong', async () => {
    const prng = seededPrng();
    let served = 0;
    for (let round = 0; round < ROUNDS; round++) {
      let text = '';
      for (let i = prng.below(4); i >= 0; i--) text += mutated(prng, prng.pick(CLIENTS));
      // Swarms of their own, or the replies would grow and grow.
      const own = `%AB%01${String(round).padStart(18, 'r')}`;
      const bytes = bytesOf(text.replaceAll(HASH, own) + LAST);
      const replies = await expectSame(cut(prng, bytes), `round ${round}: ${JSON.stringify(text)}`);
      served += replies.filter((reply) => reply.startsWith('http/1.1 200')).length;
    }
    expect(served).toBeGreaterThan(ROUNDS / 4);
  });
});

/** The request with up to three things wrong; most of what comes out is still nearly one. */
function mutated(prng: Prng, request: string): string {
  let text = request;
  for (let i = prng.below(4); i > 0; i--) {
    const at = prng.below(text.length + 1);
    const line = text.indexOf('\r\n', at);
    switch (prng.below(6)) {
      case 0:
        text = text.slice(0, at) + prng.pick(FRAGMENTS) + text.slice(at);
        break;
      case 1:
        text = text.slice(0, at) + characterOf(prng) + text.slice(at + 1);
        break;
      case 2:
        text = text.slice(0, at) + text.slice(at + 1 + prng.below(6));
        break;
      case 3:
        text = text.slice(0, at) + text.slice(at, at + 40).toUpperCase() + text.slice(at + 40);
        break;
      default:
        if (line >= 0) text = `${text.slice(0, line)}\r\n${prng.pick(LINES)}${text.slice(line)}`;
    }
  }
  return text;
}

/** No tab: behind `close` Node's parser does not take it for a blank. */
function characterOf(prng: Prng): string {
  return String.fromCharCode(prng.below(128)).replace('\t', ' ');
}

/**
 * In one piece, or the first head in several: what comes after a reply that closed would be refused
 * by the system, and the test's own socket would end before it read that reply.
 */
function cut(prng: Prng, bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  const longest = [bytes.length, 1_000, 60][prng.below(3)];
  const headEnd = bytes.indexOf('\r\n\r\n');
  let at = 0;
  for (let end = prng.below(longest); end < headEnd; end += 1 + prng.below(longest)) {
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  return [...parts, bytes.subarray(at)];
}
