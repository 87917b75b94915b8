/**
 * What operators can change on a minder: tokens, nodes, lists, settings. Each goes to the desk that the
 * commands on its machine use, and is logged with the address that asked.
 */
import type { FastifyRequest } from 'fastify';
import type { Logger } from '../lib/log.js';
import type { ActionDesk } from './action-desk.js';
import * as examples from './action-examples.js';
import {
  drainSchema,
  entryParams,
  listChangeSchema,
  listEntrySchema,
  listPageSchema,
  listParams,
  listQuery,
  listRemovalSchema,
  newTokenSchema,
  nodeParams,
  revocationSchema,
  settingsChangeSchema,
  settingsSchema,
  tokenGoneSchema,
  tokenGrantSchema,
  tokenParams,
  tokensSchema,
} from './action-schemas.js';
import type { AdminCounters } from './admin-counters.js';
import { AdminError, type AdminErrorCode } from './admin-error.js';
import type { Operations } from './operation.js';

export interface ActionDependencies {
  /** Undefined while the minder starts. */
  readonly desk: () => ActionDesk | undefined;
  readonly counters: AdminCounters;
  readonly logger: Logger;
}

/** What every action can be refused for. */
const REFUSALS: readonly AdminErrorCode[] = ['action_invalid', 'action_failed', 'not_ready'];
const OF_NODES: readonly AdminErrorCode[] = [...REFUSALS, 'subject_not_found', 'node_ambiguous'];

/** What the log says of an action; never a token. */
type Subject = Readonly<Record<string, string | number | boolean | null | undefined>>;

export function addActions(operations: Operations, dependencies: ActionDependencies): void {
  const actions = new Actions(dependencies);
  addTokens(operations, actions);
  addNodes(operations, actions);
  addLists(operations, actions);
  addSettings(operations, actions);
}

class Actions {
  readonly #dependencies: ActionDependencies;

  constructor(dependencies: ActionDependencies) {
    this.#dependencies = dependencies;
  }

  get desk(): ActionDesk {
    const desk = this.#dependencies.desk();
    if (desk === undefined) throw new AdminError('not_ready');
    return desk;
  }

  /** Looks at something, which is not worth a line. */
  read(method: string, params: unknown): Promise<unknown> {
    return this.desk.ask(method, params);
  }

  /** Changes something, and says in the log who had it changed. */
  async change(
    request: FastifyRequest,
    { method, params, subject }: { method: string; params: unknown; subject: Subject },
  ): Promise<unknown> {
    const { counters, logger } = this.#dependencies;
    const who = { action: method, remote: request.ip, ...subject };
    try {
      const result = await this.desk.ask(method, params);
      counters.actions++;
      const made = (result as { id?: unknown } | null)?.id;
      const id = typeof made === 'string' ? { id: made } : {};
      logger.info({ ...who, ...id }, 'an operator changes something');
      return result;
    } catch (error) {
      counters.actionsRefused++;
      const code = error instanceof AdminError ? error.code : 'internal';
      logger.warn({ ...who, code }, 'what an operator asked for is not done');
      throw error;
    }
  }
}

function addTokens(operations: Operations, actions: Actions): void {
  const { token, newToken, tokens } = examples;
  operations.add(
    {
      method: 'GET',
      path: '/api/v1/tokens',
      id: 'listTokens',
      summary: 'Join tokens of the last days, without their secrets',
      needs: 'token',
      reply: { status: 200, schema: tokensSchema },
      refusals: REFUSALS,
      example: { reply: tokens },
    },
    async () => ({ tokens: await actions.read('token.list', {}) }),
  );
  operations.add(
    {
      method: 'POST',
      path: '/api/v1/tokens',
      id: 'createToken',
      summary: 'A new join token, and the line that uses it',
      needs: 'token',
      body: tokenGrantSchema,
      reply: { status: 201, schema: newTokenSchema },
      refusals: REFUSALS,
      example: { body: { role: 'tracker', ttlSeconds: 3_600, uses: 1 }, reply: newToken },
    },
    async ({ body, request }) => {
      const url = actions.desk.joinUrl();
      const change = { method: 'token.create', params: body, subject: body };
      const { id, token } = (await actions.change(request, change)) as {
        id: string;
        token: string;
      };
      // To some shells brackets are a pattern.
      const word = url.includes('[') ? `'${url}'` : url;
      const start = body.role === 'tracker' ? `tracker --join ${word}` : `minder --peer ${word}`;
      return { id, token, command: `npx trackerbt ${start} --token ${token}` };
    },
  );
  operations.add(
    {
      method: 'DELETE',
      path: '/api/v1/tokens/{id}',
      id: 'revokeToken',
      summary: 'Makes a join token worthless; nodes that have joined with it stay',
      needs: 'token',
      params: tokenParams,
      reply: { status: 200, schema: tokenGoneSchema },
      refusals: [...REFUSALS, 'subject_not_found'],
      example: { params: { id: token.id }, reply: { id: token.id } },
    },
    ({ params: { id }, request }) =>
      actions.change(request, { method: 'token.revoke', params: { id }, subject: { id } }),
  );
}

function addNodes(operations: Operations, actions: Actions): void {
  const { drain, revocation } = examples;
  const drains = [
    { method: 'GET', id: 'showDrain', word: 'drain.status', summary: 'How a drain goes' },
    {
      method: 'PUT',
      id: 'drainNode',
      word: 'drain.start',
      summary: 'Sends the clients of a tracker to the others',
    },
    { method: 'DELETE', id: 'endDrain', word: 'drain.end', summary: 'Ends a drain' },
  ] as const;
  for (const { method, id, word, summary } of drains) {
    operations.add(
      {
        method,
        path: '/api/v1/nodes/{id}/drain',
        id,
        summary,
        needs: method === 'GET' ? 'reading' : 'token',
        params: nodeParams,
        reply: { status: 200, schema: drainSchema },
        refusals: OF_NODES,
        example: { params: { id: drain.id }, reply: drain },
      },
      ({ params: { id: node }, request }) =>
        method === 'GET'
          ? actions.read(word, { node })
          : actions.change(request, { method: word, params: { node }, subject: { node } }),
    );
  }
  operations.add(
    {
      method: 'POST',
      path: '/api/v1/nodes/{id}/revoke',
      id: 'revokeNode',
      summary: 'Shuts a node out of the cluster, at once and for good',
      needs: 'token',
      params: nodeParams,
      reply: { status: 200, schema: revocationSchema },
      refusals: OF_NODES,
      example: { params: { id: revocation.id }, reply: revocation },
    },
    ({ params: { id: node }, request }) =>
      actions.change(request, { method: 'revoke', params: { node }, subject: { node } }),
  );
}

interface Listed {
  readonly hash: string;
}

/** An entry in the words of the interface. */
function entryOf(entry: unknown): unknown {
  const { hash, ...rest } = entry as Listed;
  return { info_hash: hash, ...rest };
}

function addLists(operations: Operations, actions: Actions): void {
  const { entry, listPage } = examples;
  const params = { list: 'deny', info_hash: entry.info_hash };
  operations.add(
    {
      method: 'GET',
      path: '/api/v1/lists/{list}',
      id: 'showList',
      summary: 'Info hashes that are denied, or allowed',
      needs: 'reading',
      params: listParams,
      query: listQuery,
      reply: { status: 200, schema: listPageSchema },
      refusals: REFUSALS,
      example: { params: { list: 'deny' }, reply: listPage },
    },
    async ({ params: { list }, query: { order, limit, prefix, after } }) => {
      if (order === 'newest' && (prefix !== undefined || after !== undefined)) {
        throw new AdminError('bad_request', 'prefix and after need order=hash');
      }
      const page = (await actions.read('list.list', {
        list,
        order,
        limit,
        ...(prefix === undefined ? {} : { prefix }),
        ...(after === undefined ? {} : { after }),
      })) as { entries: unknown[] };
      return { ...page, entries: page.entries.map(entryOf) };
    },
  );
  operations.add(
    {
      method: 'GET',
      path: '/api/v1/lists/{list}/{info_hash}',
      id: 'showListEntry',
      summary: 'Whether an info hash is on a list, and why',
      needs: 'reading',
      params: entryParams,
      reply: { status: 200, schema: listEntrySchema },
      refusals: [...REFUSALS, 'subject_not_found'],
      example: { params, reply: entry },
    },
    async ({ params: { list, info_hash: hash } }) =>
      entryOf(await actions.read('list.show', { list, hash })),
  );
  operations.add(
    {
      method: 'PUT',
      path: '/api/v1/lists/{list}/{info_hash}',
      id: 'putListEntry',
      summary: 'Puts an info hash on a list, on all trackers',
      needs: 'token',
      params: entryParams,
      body: listChangeSchema,
      reply: { status: 200, schema: listEntrySchema },
      refusals: REFUSALS,
      example: { params, body: { reason: entry.reason }, reply: entry },
    },
    async ({ params: { list, info_hash: hash }, body, request }) => {
      await actions.change(request, {
        method: 'list.add',
        params: { list, hashes: [{ hash, ...body }] },
        subject: { list, hash },
      });
      return entryOf(await actions.read('list.show', { list, hash }));
    },
  );
  operations.add(
    {
      method: 'DELETE',
      path: '/api/v1/lists/{list}/{info_hash}',
      id: 'deleteListEntry',
      summary: 'Takes an info hash off a list, on all trackers',
      needs: 'token',
      params: entryParams,
      reply: { status: 200, schema: listRemovalSchema },
      refusals: REFUSALS,
      example: { params, reply: { info_hash: entry.info_hash, removed: true } },
    },
    async ({ params: { list, info_hash: hash }, request }) => {
      const { removed } = (await actions.change(request, {
        method: 'list.remove',
        params: { list, hashes: [hash] },
        subject: { list, hash },
      })) as { removed: number };
      return { info_hash: hash.toLowerCase(), removed: removed > 0 };
    },
  );
}

function addSettings(operations: Operations, actions: Actions): void {
  const { settings } = examples;
  operations.add(
    {
      method: 'GET',
      path: '/api/v1/settings',
      id: 'showSettings',
      summary: 'What all trackers are told',
      needs: 'reading',
      reply: { status: 200, schema: settingsSchema },
      refusals: REFUSALS,
      example: { reply: settings },
    },
    () => actions.read('settings.get', {}),
  );
  operations.add(
    {
      method: 'PATCH',
      path: '/api/v1/settings',
      id: 'changeSettings',
      summary: 'Tells all trackers something else',
      needs: 'token',
      body: settingsChangeSchema,
      reply: { status: 200, schema: settingsSchema },
      refusals: REFUSALS,
      example: { body: { intervalSeconds: 1_800 }, reply: settings },
    },
    ({ body, request }) =>
      actions.change(request, { method: 'settings.set', params: body, subject: body }),
  );
}
