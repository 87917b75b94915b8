/** The bounds of the HTTP frontend, with their defaults. */
export interface HttpLimits {
  /** More connections at a time are closed at once. */
  readonly connectionsMax: number;
  /** Connections that wait for us in the system's queue. */
  readonly backlog: number;
  readonly halfOpenGraceMs: number;
  /** A longer target is answered 414. */
  readonly targetBytesMax: number;
  /** Request line and headers together; more is answered 431. */
  readonly headerBytesMax: number;
  /** From the first byte (or the connection) to the last header; later is answered 408. */
  readonly headersTimeoutMs: number;
  /** From the first byte to the end of the body; later is answered 408. At least headersTimeoutMs. */
  readonly requestTimeoutMs: number;
  /** How often node looks for such requests. */
  readonly checkMs: number;
  /** Idle connections are closed after this time. */
  readonly keepAliveTimeoutMs: number;
  readonly sendTimeoutMs: number;
  readonly proxyHeaderTimeoutMs: number;
  /** The reply to this many requests closes a connection. */
  readonly requestsPerConnectionMax: number;
  /** A GET with a longer body is refused (413). */
  readonly requestBodyBytesMax: number;
  /** The longest that `stop` waits for requests and replies in flight. */
  readonly stopTimeoutMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  connectionsMax: 8_192,
  backlog: 1_024,
  halfOpenGraceMs: 1_000,
  targetBytesMax: 8 * 1024,
  headerBytesMax: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 15_000,
  checkMs: 1_000,
  keepAliveTimeoutMs: 10_000,
  sendTimeoutMs: 30_000,
  proxyHeaderTimeoutMs: 5_000,
  requestsPerConnectionMax: 10_000,
  requestBodyBytesMax: 64 * 1024,
  stopTimeoutMs: 5_000,
};
