/**
 * Has the admin listener's changes made by the desk that the commands on this machine use, so that both
 * do the same, and puts what the desk refuses into the listener's words.
 */
import type { ActionDesk } from '../admin/action-desk.js';
import { AdminError, type AdminErrorCode } from '../admin/admin-error.js';
import type { ControlDesk } from './control-desk.js';
import { ControlError, type ControlErrorCode } from './control-socket.js';

const CODES: Readonly<Partial<Record<ControlErrorCode, AdminErrorCode>>> = {
  control_invalid: 'action_invalid',
  control_not_found: 'subject_not_found',
  control_ambiguous: 'node_ambiguous',
  control_failed: 'action_failed',
};

/** What a shell takes for one word, but for the brackets of IPv6. */
const PLAIN_URL = /^https:\/\/[\w.:[\]-]+$/;

export interface AdminActionsDependencies {
  readonly desk: Pick<ControlDesk, 'handle'>;
  /** URLs of this minder and of others, the best first. Throws while there are none. */
  readonly urls: () => readonly string[];
}

export class AdminActions implements ActionDesk {
  readonly #dependencies: AdminActionsDependencies;

  constructor(dependencies: AdminActionsDependencies) {
    this.#dependencies = dependencies;
  }

  async ask(method: string, params: unknown): Promise<unknown> {
    try {
      return await this.#dependencies.desk.handle(method, params);
    } catch (error) {
      const code = error instanceof ControlError ? CODES[error.code] : undefined;
      if (code === undefined) throw error;
      throw new AdminError(code, (error as ControlError).message);
    }
  }

  joinUrl(): string {
    // Operators paste it into a shell, and another minder may have said it.
    const url = this.#dependencies.urls().find((each) => PLAIN_URL.test(each));
    if (url === undefined) throw new AdminError('not_ready');
    return url;
  }
}
