/** What operators can ask a minder for, from the commands on its machine. */
import { z } from 'zod';
import { CidrError, CidrSet } from '../lib/cidr-set.js';
import { NODE_ROLES } from '../protocol/cluster/enrolment.js';
import { TOKEN_ID_PATTERN } from '../protocol/cluster/token.js';
import { ControlError } from './control-socket.js';
import { type JoinTokens, TokensFullError } from './join-tokens.js';
import type { ListDesk } from './list-desk.js';
import { namedNode } from './named-node.js';
import type { NodeRegistry } from './node-registry.js';
import type { RevocationDesk } from './revocation-desk.js';
import type { TuningDesk } from './tuning-desk.js';

export const TOKEN_TTL_SECONDS_MAX = 366 * 86_400;
export const TOKEN_USES_MAX = 100_000;

const createSchema = z.strictObject({
  role: z.enum(NODE_ROLES),
  ttlSeconds: z.number().int().min(1).max(TOKEN_TTL_SECONDS_MAX),
  uses: z.number().int().min(1).max(TOKEN_USES_MAX),
  cidr: z.string().max(64).refine(isNetwork),
});
const tokenSchema = z.strictObject({ id: z.string().regex(TOKEN_ID_PATTERN) });
const revokeSchema = z.strictObject({ node: z.string().min(1).max(255) });

export interface ControlDeskDependencies {
  readonly tokens: JoinTokens;
  readonly registry: NodeRegistry;
  readonly revocations: RevocationDesk;
  readonly tuning: TuningDesk;
  readonly lists: ListDesk;
}

export class ControlDesk {
  readonly #dependencies: ControlDeskDependencies;

  constructor(dependencies: ControlDeskDependencies) {
    this.#dependencies = dependencies;
  }

  /** Does a command. Throws `ControlError` for what can be explained. */
  async handle(method: string, params: unknown): Promise<unknown> {
    const { tokens, registry } = this.#dependencies;
    switch (method) {
      case 'token.create':
        return this.#createToken(params);
      case 'token.list':
        return tokens.list();
      case 'token.revoke': {
        const { id } = parse(tokenSchema, params, 'a token id has 12 hexadecimal digits');
        if (tokens.revoke(id)) return { id };
        throw new ControlError(
          'control_not_found',
          `there is no token ${id}: trackerbt token list`,
        );
      }
      case 'nodes':
        return registry.nodes();
      case 'revoke':
        return this.#revoke(params);
      case 'settings.get':
      case 'settings.set':
      case 'drain.start':
      case 'drain.end':
      case 'drain.status':
        return this.#dependencies.tuning.handle(method, params);
      case 'list.add':
      case 'list.remove':
      case 'list.show':
      case 'list.list':
        return this.#dependencies.lists.handle(method, params);
      default:
        throw new ControlError(
          'control_unknown',
          'the minder that runs here does not know this command: it has another version',
        );
    }
  }

  #createToken(params: unknown): { id: string; token: string } {
    const grant = parse(createSchema, params, 'these terms are out of bounds');
    try {
      return this.#dependencies.tokens.create(grant);
    } catch (error) {
      if (error instanceof TokensFullError) throw new ControlError('control_failed', error.message);
      throw error;
    }
  }

  async #revoke(params: unknown): Promise<{ id: string; live: boolean; effectiveMs: number }> {
    const { node } = parse(revokeSchema, params, 'a node has an id or a name');
    const { registry, revocations } = this.#dependencies;
    const id = namedNode(registry, node);
    if (id === registry.self) {
      throw new ControlError(
        'control_invalid',
        'a minder does not revoke itself: stop it, and revoke it on another minder',
      );
    }
    return { id, ...(await revocations.revoke(id)) };
  }
}

function parse<T>(schema: z.ZodType<T>, params: unknown, complaint: string): T {
  const result = schema.safeParse(params);
  if (result.success) return result.data;
  throw new ControlError('control_invalid', complaint);
}

function isNetwork(text: string): boolean {
  if (text === '') return true;
  try {
    return new CidrSet([text]) instanceof CidrSet;
  } catch (error) {
    if (error instanceof CidrError) return false;
    throw error;
  }
}
