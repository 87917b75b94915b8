/** Holds requests against the gate, counts and logs those that do not pass, and looks at tokens. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import { RateGate, SWALLOWED } from '../lib/rate-gate.js';
import type { Access, Needs } from './access.js';
import type { AdminCounters } from './admin-counters.js';
import { AdminError } from './admin-error.js';
import type { RequestGate, RequestKind } from './request-gate.js';

export interface RequestLimitsDependencies {
  readonly access: Access;
  readonly gate: RequestGate;
  readonly counters: AdminCounters;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class RequestLimits {
  readonly #dependencies: RequestLimitsDependencies;
  readonly #mayLog: RateGate;

  constructor(dependencies: RequestLimitsDependencies) {
    this.#dependencies = dependencies;
    this.#mayLog = new RateGate({ intervalSeconds: 60 }, dependencies);
  }

  /** Takes one of the requests that the address has. Throws `AdminError`. */
  spend(
    kind: RequestKind,
    { trusted }: { trusted: boolean },
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    const { gate, counters } = this.#dependencies;
    const waitSeconds = gate.take(kind, addressOf(request), { trusted });
    if (waitSeconds === 0) return;
    counters[kind === 'reads' ? 'limitedReads' : 'limitedChanges']++;
    reply.header('retry-after', waitSeconds);
    throw new AdminError('too_many_requests');
  }

  /**
   * Counts a wrong token, where one matters. After too many of an address it is told to stop; the
   * right token is taken even then: who guesses has no chance against its length, and must not be
   * able to lock the operator out who comes by the same proxy. Throws `AdminError`, but not for what
   * is free.
   */
  noteWrongToken(needs: Needs, request: FastifyRequest, reply: FastifyReply): void {
    const { access, gate, counters, logger } = this.#dependencies;
    const { headers } = request;
    if (headers.authorization === undefined) return;
    // Where reading is free, what reads is answered whatever it carries.
    if (needs !== 'token' && access.isFree('reading', headers)) return;
    const remote = addressOf(request);
    const waitSeconds = gate.takeToken(remote);
    counters.tokensWrong++;
    const swallowed = this.#mayLog.pass();
    if (swallowed !== SWALLOWED) logger.warn({ remote, others: swallowed }, 'a wrong admin token');
    if (waitSeconds === 0) return;
    counters.limitedTokens++;
    if (access.isFree(needs, headers)) return;
    reply.header('retry-after', waitSeconds);
    throw new AdminError('too_many_tokens');
  }
}

/** Of a client that is gone already there is none, whatever the library's types say. */
function addressOf(request: FastifyRequest): string {
  return (request.ip as string | undefined) ?? '';
}
