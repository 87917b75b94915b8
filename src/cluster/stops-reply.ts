/**
 * The answer to entries of another node: stops of those peers that are known to have left. Words are
 * always answered, for that is how their sender knows that they were taken; chunks when there is
 * something to say.
 */
import type { EntriesDecoder } from '../protocol/cluster/entries.js';
import { EntriesEncoder } from '../protocol/cluster/entries-encoder.js';
import { MessageKind } from '../protocol/cluster/envelope.js';
import { REMINDER_WALK } from './count-reminder.js';
import type { ReplicationContext } from './replication-context.js';

export class StopsReply {
  readonly #context: ReplicationContext;
  readonly #encoder: EntriesEncoder;
  #to = '';
  #walkId = 0;
  #number = 0;
  #isAwaited = false;

  constructor(context: ReplicationContext) {
    this.#context = context;
    const { origins } = context.means;
    this.#encoder = new EntriesEncoder({}, { idOf: (slot) => origins.idOf(slot) });
  }

  /** Begins the answer to a message. */
  begin(to: string, { walkId, number, kind }: EntriesDecoder): void {
    this.#to = to;
    this.#walkId = walkId;
    this.#number = number;
    this.#isAwaited = kind === MessageKind.words && walkId !== REMINDER_WALK;
  }

  /** What follows is about a swarm. */
  beginGroup(infoHash: Int32Array): void {
    this.#encoder.beginGroup(infoHash, 0);
  }

  /** The peer `wire` of the swarm left at `stamp`, as the node in slot `origin` heard. */
  add(flags: number, origin: number, stamp: number, wire: Uint16Array): void {
    this.#context.tally.stopsSent++;
    if (this.#encoder.addRecord(flags, origin, stamp, 0, wire, 0)) return;
    this.#send(false);
    this.#encoder.addRecord(flags, origin, stamp, 0, wire, 0);
  }

  /** Sends what there is to say; the last message of an answer says that it is. */
  finish(): void {
    if (this.#isAwaited || !this.#encoder.isEmpty) this.#send(true);
    this.#isAwaited = false;
  }

  #send(isLast: boolean): void {
    const message = this.#encoder.finish({
      kind: MessageKind.stops,
      walkId: this.#walkId,
      number: this.#number,
      isLast,
    });
    this.#context.send(this.#to, message);
  }
}
