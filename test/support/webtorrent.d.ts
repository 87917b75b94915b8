/** The part of the webtorrent package that tests use; it ships no types. */
declare module 'webtorrent' {
  import type { EventEmitter } from 'node:events';

  export interface WebTorrentOptions {
    readonly dht?: false;
    readonly lsd?: false;
    readonly utp?: false;
    readonly utPex?: false;
    readonly natUpnp?: false;
    readonly natPmp?: false;
    readonly webSeeds?: false;
    readonly tracker?: { readonly rtcConfig?: { readonly iceServers: readonly [] } };
  }

  /** A connection to another peer: `webrtc`, or some form of TCP or uTP. */
  export interface Wire {
    readonly type: string;
  }

  /** Emits `wire`, `done`, `trackerAnnounce`, `warning` and `error`. */
  export interface Torrent extends EventEmitter {
    readonly infoHash: string;
    readonly progress: number;
  }

  export default class WebTorrent extends EventEmitter {
    static readonly WEBRTC_SUPPORT: boolean;
    constructor(options?: WebTorrentOptions);
    /** Takes the content of a .torrent file; what lies in `path` already is checked and kept. */
    add(metainfo: Uint8Array, options?: { readonly path?: string }): Torrent;
    /** Tells the trackers `stopped` and closes everything. */
    destroy(done?: (error?: Error) => void): void;
  }
}
