/**
 * The minders of the cluster as the control state has them: this one, which writes its own records,
 * and the others, from which follow the routes of the bus and what nodes are told.
 */
import { isDeepStrictEqual } from 'node:util';
import type { NodeDescription } from '../cluster/enrolment-client.js';
import type { Clock } from '../lib/clock.js';
import {
  ADVERTISE_MAX,
  NAME_LENGTH_MAX,
  SOFTWARE_LENGTH_MAX,
} from '../protocol/cluster/enrolment.js';
import type { ControlRecord } from './control-record.js';
import type { ControlChange, ControlState } from './control-state.js';
import type { RoutePeers } from './nats-config.js';
import type { OwnKeys } from './own-keys.js';

/** More are neither dialled nor told: a reply of enrolment holds 32 addresses. */
const MINDERS_MAX = 16;
const URLS_MAX = 16;

/** Where this minder is to be found. */
export type MinderPlace = Omit<ControlRecord<'minder'>, 'routePin'>;

export interface OtherMinder extends MinderPlace {
  readonly id: string;
  readonly routePin?: string | undefined;
}

export interface MinderRosterDependencies {
  readonly state: ControlState;
  readonly keys: OwnKeys;
  readonly clock: Clock;
}

export class MinderRoster {
  readonly #self: NodeDescription;
  readonly #state: ControlState;
  readonly #keys: OwnKeys;
  readonly #clock: Clock;

  constructor(self: NodeDescription, { state, keys, clock }: MinderRosterDependencies) {
    this.#self = self;
    this.#state = state;
    this.#keys = keys;
    this.#clock = clock;
  }

  get isRevoked(): boolean {
    return this.#state.get('revocation', this.#state.minderId) !== undefined;
  }

  /** The address that another minder saw this one come from when it joined; empty for the first. */
  get source(): string {
    return this.#state.get('node', this.#state.minderId)?.sourceAddress ?? '';
  }

  /**
   * Writes what this minder is and where, if the state does not say so already. `expiresMs` is the
   * end of its certificate. Throws as `ControlState.commit` does.
   */
  enter(place: MinderPlace, { expiresMs }: { expiresMs: number }): void {
    // The word of others about us stands.
    if (this.isRevoked) return;
    const changes = [this.#nodeChange(expiresMs), this.#minderChange(place)];
    const news = changes.filter(
      ({ kind, id, value }) => !isDeepStrictEqual(this.#state.get(kind, id), value),
    );
    if (news.length > 0) this.#state.commit(news);
  }

  /** The other minders that are not revoked, in order of their ids. */
  others(): OtherMinder[] {
    const { minderId } = this.#state;
    return this.#state
      .list('minder')
      .filter(
        ([id]) =>
          id !== minderId &&
          this.#state.get('node', id)?.role === 'minder' &&
          this.#state.get('revocation', id) === undefined,
      )
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, MINDERS_MAX - 1)
      .map(([id, record]) => ({ id, ...record }));
  }

  /** Routes to the others' bus servers, and the keys that may be at their ends. */
  routePeers(): RoutePeers {
    const others = this.others();
    const pins = others.flatMap(({ routePin }) => (routePin === undefined ? [] : [routePin]));
    return {
      routes: others.flatMap(({ routes }) => routes),
      // With ours there is always one: a list without any would let in every key.
      pins: [this.#keys.routePin, ...pins].toSorted(),
    };
  }

  #nodeChange(expiresMs: number): ControlChange {
    const { name, software, advertise } = this.#self;
    const { minderId: id } = this.#state;
    const old = this.#state.get('node', id);
    const nowMs = this.#clock.wallMs();
    const isRenewed = old?.expiresMs !== expiresMs;
    const value: ControlRecord<'node'> = {
      role: 'minder',
      name: name.slice(0, NAME_LENGTH_MAX),
      software: software.slice(0, SOFTWARE_LENGTH_MAX),
      busPublicKey: this.#keys.busPublicKey,
      advertise: advertise.slice(0, ADVERTISE_MAX),
      // The first minder came from nowhere, and with no token.
      sourceAddress: old?.sourceAddress ?? '',
      enrolledMs: old?.enrolledMs ?? nowMs,
      renewedMs: isRenewed ? nowMs : (old?.renewedMs ?? nowMs),
      expiresMs,
      tokenId: old?.tokenId ?? '',
    };
    return { kind: 'node', id, value };
  }

  #minderChange({ dns, urls, bus, routes }: MinderPlace): ControlChange {
    const value: ControlRecord<'minder'> = {
      ...(dns === true ? { dns } : {}),
      urls: urls.slice(0, URLS_MAX),
      bus: bus.slice(0, URLS_MAX),
      routes: routes.slice(0, URLS_MAX),
      routePin: this.#keys.routePin,
    };
    return { kind: 'minder', id: this.#state.minderId, value };
  }
}
