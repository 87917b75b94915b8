/**
 * What an operator can do here. Each needs the admin token: the frame asks for it when the listener does.
 * All of them throw `ApiError`.
 */
import type { Api } from '../api.js';

export interface TokenGrant {
  readonly role: 'tracker' | 'minder';
  readonly ttlSeconds: number;
  readonly uses: number;
  /** Network of those who may use it; empty for all. */
  readonly cidr: string;
}

export interface NewToken {
  readonly id: string;
  readonly token: string;
  /** The line to paste on the new machine. */
  readonly command: string;
}

export interface TokenEntry {
  readonly id: string;
  readonly role: 'tracker' | 'minder';
  readonly state: 'valid' | 'used' | 'expired' | 'revoked';
  readonly expiresMs: number;
  readonly uses: number;
  readonly usesMax: number;
  readonly cidr: string;
}

export interface ListEntry {
  readonly info_hash: string;
  readonly reason: string;
  readonly sinceMs: number;
  readonly by: string;
  /** Null: never. */
  readonly expiresMs: number | null;
}

export interface ListPage {
  readonly total: number;
  readonly entries: readonly ListEntry[];
  readonly more: boolean;
}

/** Entries of the deny list that are shown; the commands show all. */
export const LIST_SHOWN_MAX = 100;

type Sender = Pick<Api, 'get' | 'send'>;

export class ClusterActions {
  readonly #api: Sender;

  constructor(api: Sender) {
    this.#api = api;
  }

  createToken(grant: TokenGrant): Promise<NewToken> {
    return this.#api.send('api/v1/tokens', { method: 'POST', body: grant });
  }

  async tokens(): Promise<readonly TokenEntry[]> {
    return (await this.#api.get<{ tokens: TokenEntry[] }>('api/v1/tokens')).tokens;
  }

  async revokeToken(id: string): Promise<void> {
    await this.#api.send(`api/v1/tokens/${part(id)}`, { method: 'DELETE' });
  }

  async drain(nodeId: string): Promise<void> {
    await this.#api.send(`api/v1/nodes/${part(nodeId)}/drain`, { method: 'PUT' });
  }

  async endDrain(nodeId: string): Promise<void> {
    await this.#api.send(`api/v1/nodes/${part(nodeId)}/drain`, { method: 'DELETE' });
  }

  async revoke(nodeId: string): Promise<void> {
    await this.#api.send(`api/v1/nodes/${part(nodeId)}/revoke`, { method: 'POST' });
  }

  /** The latest entries of the deny list. */
  denied(): Promise<ListPage> {
    return this.#api.get(`api/v1/lists/deny?order=newest&limit=${LIST_SHOWN_MAX}`);
  }

  /** The entry of one info hash; undefined when it is not denied. */
  async denial(infoHash: string): Promise<ListEntry | undefined> {
    const path = `api/v1/lists/deny?order=hash&limit=1&prefix=${part(infoHash)}`;
    return (await this.#api.get<ListPage>(path)).entries[0];
  }

  async deny(infoHash: string, reason: string): Promise<void> {
    const body = reason === '' ? {} : { reason };
    await this.#api.send(`api/v1/lists/deny/${part(infoHash)}`, { method: 'PUT', body });
  }

  async allow(infoHash: string): Promise<void> {
    await this.#api.send(`api/v1/lists/deny/${part(infoHash)}`, { method: 'DELETE' });
  }
}

/** Ids come from other machines: none of them leads to another path. */
function part(text: string): string {
  return text === '.' || text === '..' ? '%00' : encodeURIComponent(text);
}
