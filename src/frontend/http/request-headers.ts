/**
 * The few headers that decide how a request is served, read from node's flat list of names and
 * values (`[name, value, name, value ...]`) without the object that `req.headers` would build.
 */
const UPGRADE = 'upgrade';
const CONTENT_LENGTH = 'content-length';
const FORWARDED_FOR = 'x-forwarded-for';
const TRANSFER_ENCODING = 'transfer-encoding';

/** One instance is filled again for every request. */
export class RequestHeaders {
  /** Bytes of the body that follows; 0 without one. */
  contentLength = 0;
  /** A body of unknown length follows. */
  chunked = false;
  /** Another protocol is offered: WebSocket, or any. */
  upgrade: 'none' | 'websocket' | 'other' = 'none';
  /** All `X-Forwarded-For` values in order, joined by commas; empty without one. */
  forwardedFor = '';

  read(raw: readonly string[]): void {
    this.contentLength = 0;
    this.chunked = false;
    this.upgrade = 'none';
    this.forwardedFor = '';
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = raw[i];
      // The lengths differ, so that nearly every header is passed over by one comparison.
      switch (name.length) {
        case UPGRADE.length:
          if (name.toLowerCase() === UPGRADE) this.#readUpgrade(raw[i + 1]);
          break;
        case CONTENT_LENGTH.length:
          if (name.toLowerCase() === CONTENT_LENGTH) this.contentLength = Number(raw[i + 1]);
          break;
        case FORWARDED_FOR.length:
          if (name.toLowerCase() === FORWARDED_FOR) this.#readForwarded(raw[i + 1]);
          break;
        case TRANSFER_ENCODING.length:
          if (name.toLowerCase() === TRANSFER_ENCODING) this.chunked = true;
          break;
      }
    }
  }

  #readUpgrade(value: string): void {
    this.upgrade = value.toLowerCase().includes('websocket') ? 'websocket' : 'other';
  }

  #readForwarded(value: string): void {
    this.forwardedFor = this.forwardedFor === '' ? value : `${this.forwardedFor}, ${value}`;
  }
}
