/** The part of bittorrent-tracker's client that tests use; the package ships no types. */
declare module 'bittorrent-tracker/client' {
  import type { EventEmitter } from 'node:events';

  export interface ClientOptions {
    readonly infoHash: string;
    readonly peerId: string;
    readonly announce: readonly string[];
    readonly port: number;
    /** False: no WebSocket trackers. Absent: WebRTC as it is found. */
    readonly wrtc?: false;
    readonly rtcConfig?: { readonly iceServers: readonly [] };
  }

  export interface AnnounceOptions {
    readonly left?: number;
    readonly uploaded?: number;
    readonly downloaded?: number;
    readonly numwant?: number;
  }

  /** What `peer` brings over WebSocket: a stream over WebRTC. Emits `connect` and `data`. */
  export interface WebRtcPeer extends EventEmitter {
    readonly id: string;
    readonly connected: boolean;
    send(data: string): void;
    destroy(): void;
  }

  /**
   * Emits `update` and `scrape` with numbers, `peer` with `ADDR:PORT` or a WebRTC peer, `warning`
   * and `error`.
   */
  export default class Client extends EventEmitter {
    constructor(options: ClientOptions);
    start(options?: AnnounceOptions): void;
    complete(options?: AnnounceOptions): void;
    update(options?: AnnounceOptions): void;
    stop(options?: AnnounceOptions): void;
    scrape(): void;
    destroy(done?: () => void): void;
  }
}
