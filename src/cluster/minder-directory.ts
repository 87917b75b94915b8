/**
 * Where the minders and their bus servers are, as a node has heard it, over all restarts.
 *
 * Each minder tells of itself and of the others; what one says of itself counts for more. Addresses
 * that nobody names any more are kept at the end, since who is not named may still live. Those of a
 * minder that was revoked go: it must not be asked, and its bus is not ours.
 */
import { z } from 'zod';
import {
  type ClusterSettings,
  MINDERS_MAX,
  type MinderAddresses,
  minderAddressesSchema,
} from '../protocol/cluster/control.js';

/** Addresses that are kept of each sort. */
const ADDRESSES_MAX = 32;
/** How long a minder's word about itself stands against what others say of it. */
const OWN_WORD_MS = 60_000;

export const directorySchema = z.array(minderAddressesSchema).max(MINDERS_MAX);

/** What an identity keeps of this. */
export interface KnownAddresses {
  /** `https://host:port` of minders. */
  readonly minders: readonly string[];
  /** `tls://host:port` of bus servers. */
  readonly bus: readonly string[];
  /** Whose they are, as far as that was said. */
  readonly directory: readonly MinderAddresses[];
}

export class MinderDirectory {
  /** When each minder last spoke of itself, on the monotonic clock; no more than `MINDERS_MAX`. */
  readonly #ownWordMs = new Map<string, number>();

  /** What is known after a message, with lists in their old order where nothing came or went. */
  take(old: KnownAddresses, settings: ClusterSettings, nowMs: number): KnownAddresses {
    const revoked = new Set(settings.revoked);
    const known = new Map(old.directory.map((minder) => [minder.id, minder]));
    const gone = [...known.values()].filter(({ id }) => revoked.has(id));
    for (const { id } of gone) known.delete(id);
    const named = settings.minders.filter(({ id }) => !revoked.has(id));
    for (const minder of named) {
      const isOwn = minder.id === settings.minder;
      if (isOwn) this.#note(minder.id, nowMs);
      else if (known.has(minder.id) && this.#hasSpoken(minder.id, nowMs)) continue;
      const before = known.get(minder.id);
      known.set(minder.id, {
        id: minder.id,
        // It does not know its own address then, and others need not forget it.
        urls: minder.urls.length > 0 ? minder.urls : (before?.urls ?? []),
        bus: minder.bus.length > 0 ? minder.bus : (before?.bus ?? []),
      });
    }
    const names = new Set(named.map(({ id }) => id));
    const rank = ({ id }: MinderAddresses) => (names.has(id) ? 0 : 1);
    const directory = [...known.values()]
      .sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1))
      .slice(0, MINDERS_MAX);
    const list = (of: (minder: MinderAddresses) => readonly string[], before: readonly string[]) =>
      merged(directory.map(of), gone.flatMap(of), before);
    return {
      directory,
      minders: list(({ urls }) => urls, old.minders),
      bus: list(({ bus }) => bus, old.bus),
    };
  }

  #note(id: string, nowMs: number): void {
    if (!this.#ownWordMs.has(id) && this.#ownWordMs.size >= MINDERS_MAX) this.#ownWordMs.clear();
    this.#ownWordMs.set(id, nowMs);
  }

  #hasSpoken(id: string, nowMs: number): boolean {
    const spokenMs = this.#ownWordMs.get(id);
    return spokenMs !== undefined && nowMs - spokenMs < OWN_WORD_MS;
  }
}

/** The first address of each minder, the second of each, ...; then old ones, less those that go. */
function merged(
  named: readonly (readonly string[])[],
  gone: readonly string[],
  before: readonly string[],
): readonly string[] {
  const longest = Math.max(0, ...named.map(({ length }) => length));
  const fresh = Array.from({ length: longest }, (_, i) =>
    named.flatMap((addresses) => addresses[i] ?? []),
  ).flat();
  const left = before.filter((address) => !gone.includes(address));
  const all = [...new Set([...fresh, ...left])].slice(0, ADDRESSES_MAX);
  // A node without any address would be lost for good.
  if (all.length === 0) return before;
  // Each minder names itself first: the order alone is no news.
  const isSame = all.length === before.length && all.every((address) => before.includes(address));
  return isSame ? before : all;
}
