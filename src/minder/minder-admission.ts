/**
 * Lets other minders in, and tells them whether they are still of us (`POST /v1/minder`). Knows no
 * sockets: the server in front of it has checked the certificate.
 */
import type { Logger } from '../lib/log.js';
import type { NodeRole } from '../protocol/cluster/enrolment.js';
import {
  ADMISSION_VERSION,
  type Admission,
  type AdmissionWord,
  admissionRequestSchema,
} from '../protocol/cluster/minder-admission.js';
import type { BusSeeds } from './bus-accounts.js';
import type { ControlState } from './control-state.js';
import type { Enrolment, EnrolmentOutcome, RequestSource } from './enrolment.js';
import type { MinderAuthorities } from './minder-certificates.js';

export interface MinderAdmissionDependencies {
  readonly state: ControlState;
  readonly authorities: MinderAuthorities;
  /** Counts and logs refusals, as those of all who knock. */
  readonly enrolment: Pick<Enrolment, 'refuse'>;
  /** Keys of our bus; null where somebody else runs it. Throws while the bus does not run. */
  readonly busSeeds: () => BusSeeds | null;
  /** A minder that is one of us has called; resolves when what that changes is done. */
  readonly onCalled: (source: RequestSource) => Promise<void>;
  readonly logger: Logger;
}

export type AdmissionOutcome =
  | { readonly ok: true; readonly reply: Admission | AdmissionWord }
  | Extract<EnrolmentOutcome, { readonly ok: false }>;

export class MinderAdmission {
  /** Minders that were given all, and words given; since the start. */
  readonly counters = { admitted: 0, words: 0 };
  readonly #dependencies: MinderAdmissionDependencies;

  constructor(dependencies: MinderAdmissionDependencies) {
    this.#dependencies = dependencies;
  }

  /** A request of the node that a certificate of ours names. */
  async answer(
    { nodeId, role }: { nodeId: string; role: NodeRole },
    body: unknown,
    source: RequestSource,
  ): Promise<AdmissionOutcome> {
    const { state, authorities, enrolment, busSeeds, onCalled, logger } = this.#dependencies;
    const refuse = (...args: Parameters<Enrolment['refuse']>) =>
      enrolment.refuse(...args) as Extract<AdmissionOutcome, { ok: false }>;
    const details = { node: nodeId };
    // Whatever a certificate of ours says, only who enrolled as a minder is one.
    if (role !== 'minder') return refuse('certificate_invalid', source, details, 'minder_role');
    const parsed = admissionRequestSchema.safeParse(body);
    if (!parsed.success) return refuse('request_invalid', source, details);
    const known = state.get('node', nodeId);
    if (this.#isRevoked(nodeId)) return refuse('node_revoked', source, details);
    if (known?.role !== 'minder') return refuse('node_unknown', source, details);
    const { wants, routePin, external } = parsed.data;
    const bus = busSeeds();
    if ((bus === null) !== external) return refuse('bus_differs', source, details);
    this.#pin(nodeId, routePin);
    await onCalled(source);
    // Last, so that no revocation slips in between.
    if (this.#isRevoked(nodeId)) return refuse('node_revoked', source, details);
    const word = { version: ADMISSION_VERSION, nodeId: state.minderId, external } as const;
    if (wants === 'word') {
      this.counters.words++;
      return { ok: true, reply: word };
    }
    this.counters.admitted++;
    const { name } = known;
    logger.warn(
      { node: nodeId, nodeName: name, address: source.address },
      'another minder was given the keys of the cluster',
    );
    const { cluster, route } = authorities;
    return {
      ok: true,
      reply: {
        ...word,
        authorities: { cluster: cluster.pair, route: route.pair },
        bus,
        entries: state.entries().map((entry) => ({ ...entry })),
      },
    };
  }

  /** From now on its bus server may be at the other end of a route. */
  #pin(nodeId: string, routePin: string): void {
    const { state } = this.#dependencies;
    const old = state.get('minder', nodeId);
    if (old?.routePin === routePin) return;
    const value = { ...(old ?? { urls: [], bus: [], routes: [] }), routePin };
    state.commit([{ kind: 'minder', id: nodeId, value }]);
  }

  #isRevoked(nodeId: string): boolean {
    return this.#dependencies.state.get('revocation', nodeId) !== undefined;
  }
}
