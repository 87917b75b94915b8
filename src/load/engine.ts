/** What makes requests, whatever it is made of. */

/** What is asked next. */
export type LoadPhase =
  /** Every peer once, in order. */
  | 'fill'
  /** The mix that the options describe. */
  | 'mix'
  /** Nothing more: answers only come in. */
  | 'drain';

export interface LoadEngine {
  /** What the engine makes requests with, for the report. */
  readonly kind: 'system calls' | 'node sockets';
  /**
   * Makes sure that somebody answers: a connection id for each UDP socket, one HTTP connection.
   * Rejects with a `LoadError` after `limitMs`.
   */
  open(limitMs: number): Promise<void>;
  /** Asks and listens until `performance.now()` reaches `untilMs`, or nothing is left to do. */
  work(phase: LoadPhase, untilMs: number): Promise<void>;
  /** Requests under way. */
  readonly inFlight: number;
  /** In phase fill: every peer was announced, though perhaps not answered. */
  readonly filled: boolean;
  close(): void;
}
