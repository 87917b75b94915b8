/** A web server for the pages of tests, on 127.0.0.1, which browsers hold for a secure origin. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Address } from './address.js';
import { formatAddressPort } from './address.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.bin': 'application/octet-stream',
};

/** What is served, by path: `/index.html` is `/` as well. */
export type WebFiles = Readonly<Record<string, string | Buffer>>;

export class WebPages {
  private constructor(
    readonly server: Server,
    readonly address: Address,
  ) {}

  static async start(files: WebFiles): Promise<WebPages> {
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://pages');
      const path = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
      // A browser asks for an icon by itself; there is none, and that is no error.
      if (path === '/favicon.ico') return response.writeHead(204).end();
      const body = Object.hasOwn(files, path) ? files[path] : undefined;
      if (body === undefined) return response.writeHead(404).end();
      const type = TYPES[path.slice(path.lastIndexOf('.'))] ?? 'application/octet-stream';
      return response
        .writeHead(200, { 'content-type': type, 'cache-control': 'no-store' })
        .end(body);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    return new WebPages(server, { host: '127.0.0.1', port });
  }

  get url(): string {
    return `http://${formatAddressPort(this.address)}/`;
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}
