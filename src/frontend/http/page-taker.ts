/** Pages for people, which a few targets have beside what the tracker answers. */

export interface PageRequest {
  /** As the client sent them. */
  readonly host: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** It came over TLS, to us or to a trusted proxy that says so. */
  readonly secure: boolean;
  /** A trusted proxy stands between. */
  readonly proxied: boolean;
}

export interface PageAnswer {
  readonly status: 200 | 304;
  /** Names and values in turn, without length and connection. */
  readonly headers: readonly string[];
  /** One character is one byte. Empty for 304. */
  readonly body: string;
}

export interface PageTaker {
  /** True for the targets `target[start..end)` that it answers. Asked for every request. */
  takes(target: Uint8Array, start: number, end: number): boolean;
  /** Never throws, whatever the request holds. */
  answer(target: Uint8Array, start: number, end: number, request: PageRequest): PageAnswer;
}
