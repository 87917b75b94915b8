/** The page: its files, or where there are none, a list of what there is. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AdminSource } from './admin-source.js';
import { page } from './page.js';
import { formFor, isSame, type PageFile } from './page-files.js';
import { PAGE_HEADERS } from './security-headers.js';

export interface PageDependencies {
  readonly source: AdminSource;
  readonly files: ReadonlyMap<string, PageFile>;
}

/** Free on every listener: what is served is the same everywhere, and says nothing of this node. */
export function addPage(app: FastifyInstance, { source, files }: PageDependencies): void {
  for (const [url, file] of files) {
    app.get(url, { config: { needs: 'nothing' } }, (request, reply) => send(file, request, reply));
  }
  if (files.size > 0) return;
  app.get('/', { config: { needs: 'nothing' } }, (request, reply) => {
    const who = request.isTrusted ? source.stats() : undefined;
    return reply.type('text/html; charset=utf-8').send(page(source.role, who));
  });
}

function send(file: PageFile, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const form = formFor(file, request.headers['accept-encoding']);
  reply.headers({
    ...PAGE_HEADERS,
    'cache-control': file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    vary: 'accept-encoding',
    etag: form.etag,
  });
  if (isSame(form, request.headers['if-none-match'])) return reply.code(304).send();
  if (form.coding !== undefined) reply.header('content-encoding', form.coding);
  return reply.type(file.mediaType).send(form.bytes);
}
