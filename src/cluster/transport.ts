/**
 * What replication needs of a bus: subjects, bytes, and word of whether anybody is there. One
 * implementation speaks with NATS, another with other replicas in the same process, for tests and
 * for the simulation (docs/adr/0009). Delivery is at most once and in no order: whoever receives
 * must notice what is missing.
 */

/** Called with each message; the payload is good until the call returns. */
export type MessageHandler = (subject: string, payload: Uint8Array) => void;

export interface ReplicationTransport {
  /** True while messages can leave. What is published otherwise is dropped. */
  readonly connected: boolean;
  /**
   * Bytes published that are not known to have reached the bus. A publisher that sees this above its
   * bound stops until it falls.
   */
  readonly unconfirmedBytes: number;
  /** Sends a message. The payload must not change afterwards: it may leave later. */
  publish(subject: string, payload: Uint8Array): void;
  /** Hears a subject, in which `*` stands for one token, for as long as the transport lives. */
  subscribe(subject: string, handler: MessageHandler): void;
  /** Tells of every change of `connected`. */
  onConnection(listener: (connected: boolean) => void): void;
}
