/**
 * One peer of the npm package `webtorrent`, in a process of its own, with WebRTC from
 * `node-datachannel`. Started from dist/; its first argument is the JSON of `WebPeerOrder`.
 *
 * WebRTC is its only way to others: whatever else could find or reach a peer is off, and a
 * connection of another kind ends it with code 2. A leecher ends by itself, with 0, once it has the
 * whole file and has said so; SIGTERM makes either leave in its regular way.
 */
import { readFileSync } from 'node:fs';
import WebTorrent from 'webtorrent';

export interface WebPeerOrder {
  /** Path of the .torrent file. */
  readonly file: string;
  /** Where content lies or goes to. */
  readonly folder: string;
  readonly role: 'seeder' | 'leecher';
}

const PARENT_STEP_MS = 500;
const ATTEMPTS_MAX = 20;

const { file, folder, role } = JSON.parse(process.argv[2]) as WebPeerOrder;
const parent = process.ppid;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function end(code: number): never {
  // WebRTC's threads would keep the process for a while.
  process.exit(code);
}

/**
 * WebRTC ends the gathering of addresses with an event without a candidate. The package that stands
 * in for WebRTC in Node.js leaves it out, so that each offer and answer waits 5 s for more. We say it
 * in its place.
 */
function sayWhenGathered(): void {
  const { dispatchEvent } = EventTarget.prototype;
  EventTarget.prototype.dispatchEvent = function (event: Event): boolean {
    const isHandled = dispatchEvent.call(this, event);
    const connection = this as Partial<IceGatherer>;
    if (event.type === 'icegatheringstatechange' && connection.iceGatheringState === 'complete') {
      connection.onicecandidate?.({ candidate: null });
    }
    return isHandled;
  };
}

/** What we need of an RTCPeerConnection. */
interface IceGatherer {
  readonly iceGatheringState: string;
  readonly onicecandidate: ((event: { readonly candidate: null }) => void) | null;
}

sayWhenGathered();
if (!WebTorrent.WEBRTC_SUPPORT) {
  say('no WebRTC');
  end(3);
}
let attempts = 0;
let client = begin();

process.on('SIGTERM', () => leave(0));
setInterval(() => {
  if (process.ppid !== parent) end(1);
}, PARENT_STEP_MS);

function leave(code: number): void {
  client.destroy(() => end(code));
}

/**
 * Begins anew, under another peer id: the other side keeps the old one for half a minute.
 *
 * libdatachannel, to which the answer to an offer is handed, may finish a handshake that the other
 * side of a short way began early before it has stored whom to expect, and gives that connection up
 * as forged (`Got a remote candidate without ICE transport`). On a busy machine every fourth does so.
 */
function beginAgain(): void {
  if (++attempts === ATTEMPTS_MAX) end(4);
  client.destroy(() => {
    client = begin();
  });
}

function begin(): WebTorrent {
  const own = new WebTorrent({
    dht: false,
    lsd: false,
    utp: false,
    utPex: false,
    natUpnp: false,
    natPmp: false,
    webSeeds: false,
    // No server helps two peers of one machine to find their addresses, and none may be asked.
    tracker: { rtcConfig: { iceServers: [] } },
  });
  own.on('error', (error: Error) => {
    say(`error: ${error.message}`);
    end(1);
  });
  const torrent = own.add(readFileSync(file), { path: folder });
  let isConnected = false;
  let isOver = false;
  torrent.on('warning', (warning: Error | string) => {
    say(`warning: ${warning}`);
    if (isConnected || isOver || !String(warning).includes('Connection error')) return;
    isOver = true;
    // Others have yet to hear of the same error.
    setImmediate(beginAgain);
  });
  torrent.on('trackerAnnounce', () => say('announced'));
  torrent.on('wire', ({ type }: { type: string }) => {
    isConnected = true;
    say(`wire: ${type}`);
    if (type !== 'webrtc') end(2);
  });
  torrent.on('done', () => {
    say('done');
    if (role === 'leecher') leave(0);
  });
  return own;
}
