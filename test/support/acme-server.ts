/**
 * A small certificate authority that speaks ACME (RFC 8555) over HTTPS, strict about what it is sent:
 * nonces are good once, every request is signed by the account's key for its own URL, and a name is
 * certified when the answer to its http-01 challenge was really fetched.
 */
import {
  createHash,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
  verify,
} from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import * as x509 from '@peculiar/x509';
import type { TestCa } from './test-ca.js';

interface Order {
  readonly names: readonly string[];
  readonly tokens: string[];
  /** Undefined until the authority has looked. */
  readonly proven: (boolean | undefined)[];
  certificate: string | undefined;
}

interface Signed {
  readonly key: KeyObject;
  readonly thumbprint: string;
  readonly isNew: boolean;
  readonly payload: Record<string, unknown>;
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    detail: string,
  ) {
    super(detail);
  }
}

const fromBase64Url = (text: string) => Buffer.from(text, 'base64url');
const jsonOf = (text: string) => JSON.parse(fromBase64Url(text).toString('utf8'));

export class AcmeServer {
  /** Where the names of orders lead: the port of challenges on loopback. */
  challengePort = 0;
  /** Lives of the next certificates, in seconds before and after they are issued; ten hours later. */
  lives: { before: number; after: number }[] = [];
  /** Orders that are refused before one is taken. */
  refusals = 0;
  /** What challenges were answered with. */
  readonly answers: string[] = [];
  readonly contacts: string[] = [];
  orders = 0;
  issued: string[] = [];
  readonly #nonces = new Set<string>();
  readonly #accounts: { key: KeyObject; thumbprint: string }[] = [];
  readonly #orders: Order[] = [];
  readonly #ca: TestCa;
  readonly #server: Server;

  private constructor(ca: TestCa, server: Server) {
    this.#ca = ca;
    this.#server = server;
  }

  static async start(ca: TestCa): Promise<AcmeServer> {
    const { cert, key } = await ca.issue();
    const server = createServer({ cert, key });
    const acme = new AcmeServer(ca, server);
    server.on('request', (request, response) => void acme.#serve(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return acme;
  }

  get directoryUrl(): string {
    return this.#url('/directory');
  }

  get accounts(): number {
    return this.#accounts.length;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #url(path: string): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('it does not listen');
    return `https://127.0.0.1:${address.port}${path}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const nonce = randomBytes(12).toString('base64url');
    this.#nonces.add(nonce);
    response.setHeader('Replay-Nonce', nonce);
    const send = (status: number, body: unknown, location?: string) => {
      if (location !== undefined) response.setHeader('Location', location);
      const isPem = typeof body === 'string';
      response.setHeader(
        'Content-Type',
        isPem ? 'application/pem-certificate-chain' : 'application/json',
      );
      response.writeHead(status).end(isPem ? body : JSON.stringify(body));
    };
    try {
      const path = request.url ?? '';
      if (path === '/directory') send(200, this.#directory());
      else if (path === '/nonce') response.writeHead(204).end();
      else {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const signed = this.#verify(path, Buffer.concat(chunks).toString('utf8'));
        const [status, body, location] = await this.#answer(path, signed);
        send(status, body, location);
      }
    } catch (error) {
      const { status, type } =
        error instanceof Refusal ? error : { status: 400, type: 'malformed' };
      const detail = error instanceof Error ? error.message : String(error);
      send(status, { type: `urn:ietf:params:acme:error:${type}`, detail, status });
    }
  }

  #directory() {
    return {
      newNonce: this.#url('/nonce'),
      newAccount: this.#url('/account'),
      newOrder: this.#url('/order'),
      meta: { termsOfService: this.#url('/terms') },
    };
  }

  #verify(path: string, body: string): Signed {
    const { protected: head, payload, signature } = JSON.parse(body) as Record<string, string>;
    const { alg, nonce, url, jwk, kid } = jsonOf(head) as Record<string, string> & {
      jwk?: JsonWebKey;
    };
    if (alg !== 'ES256') throw new Refusal(400, 'badSignatureAlgorithm', 'ES256 is wanted');
    if (!this.#nonces.delete(nonce)) throw new Refusal(400, 'badNonce', 'unknown nonce');
    if (url !== this.#url(path)) throw new Refusal(400, 'unauthorized', 'signed for another URL');
    const account = jwk === undefined ? this.#accounts[Number(kid.split('/').at(-1))] : keyOf(jwk);
    if (account === undefined) throw new Refusal(400, 'accountDoesNotExist', 'unknown account');
    const { key, thumbprint } = account;
    const isGenuine = verify(
      'sha256',
      Buffer.from(`${head}.${payload}`),
      { key, dsaEncoding: 'ieee-p1363' },
      fromBase64Url(signature),
    );
    if (!isGenuine) throw new Refusal(403, 'unauthorized', 'the signature is wrong');
    const read = payload === '' ? {} : (jsonOf(payload) as Record<string, unknown>);
    return { key, thumbprint, isNew: jwk !== undefined, payload: read };
  }

  async #answer(path: string, signed: Signed): Promise<[number, unknown, string?]> {
    const [, noun, number, part] = path.split('/');
    if (noun === 'account') return this.#account(signed);
    if (signed.isNew) throw new Refusal(403, 'unauthorized', 'an account is wanted');
    if (noun === 'order' && number === undefined) return this.#newOrder(signed.payload);
    const order = this.#orders[Number(number)];
    if (order === undefined) throw new Refusal(404, 'malformed', 'nothing here');
    const i = Number(part ?? 0);
    if (noun === 'authz') return [200, this.#authorization(Number(number), i)];
    if (noun === 'challenge') {
      // Asked for again, it is only how things stand.
      order.proven[i] ??= await this.#isProven(order, i, signed.thumbprint);
      return [200, this.#challenge(Number(number), i)];
    }
    if (noun === 'finalize') await this.#finalize(order, String(signed.payload.csr));
    if (noun === 'certificate') return [200, order.certificate ?? ''];
    return [200, this.#view(Number(number))];
  }

  #account({ key, thumbprint, payload }: Signed): [number, unknown, string] {
    if (payload.termsOfServiceAgreed !== true) {
      throw new Refusal(403, 'userActionRequired', 'the terms are to be agreed to');
    }
    let at = this.#accounts.findIndex((account) => account.thumbprint === thumbprint);
    const isNew = at < 0;
    if (isNew) at = this.#accounts.push({ key, thumbprint }) - 1;
    if (Array.isArray(payload.contact)) this.contacts.push(...payload.contact.map(String));
    return [isNew ? 201 : 200, { status: 'valid' }, this.#url(`/account/${at}`)];
  }

  #newOrder(payload: Record<string, unknown>): [number, unknown, string] {
    this.orders++;
    if (this.refusals > 0) {
      this.refusals--;
      throw new Refusal(403, 'rejectedIdentifier', 'this authority does not want to');
    }
    const names = (payload.identifiers as { value: string }[]).map(({ value }) => value);
    const tokens = names.map(() => randomBytes(32).toString('base64url'));
    this.#orders.push({
      names,
      tokens,
      proven: names.map(() => undefined),
      certificate: undefined,
    });
    const number = this.#orders.length - 1;
    return [201, this.#view(number), this.#url(`/order/${number}`)];
  }

  #view(number: number) {
    const { names, proven, certificate } = this.#orders[number];
    const status =
      certificate !== undefined ? 'valid' : proven.every(Boolean) ? 'ready' : 'pending';
    return {
      status,
      identifiers: names.map((value) => ({ type: 'dns', value })),
      authorizations: names.map((_, i) => this.#url(`/authz/${number}/${i}`)),
      finalize: this.#url(`/finalize/${number}`),
      ...(certificate === undefined ? {} : { certificate: this.#url(`/certificate/${number}`) }),
    };
  }

  #authorization(number: number, i: number) {
    const { names, proven } = this.#orders[number];
    return {
      status: proven[i] ? 'valid' : 'pending',
      identifier: { type: 'dns', value: names[i] },
      challenges: [
        { type: 'dns-01', url: this.#url(`/none/${number}`), token: 'unused', status: 'pending' },
        this.#challenge(number, i),
      ],
    };
  }

  #challenge(number: number, i: number) {
    const { tokens, proven } = this.#orders[number];
    const url = this.#url(`/challenge/${number}/${i}`);
    const status = proven[i] === undefined ? 'pending' : proven[i] ? 'valid' : 'invalid';
    return { type: 'http-01', url, token: tokens[i], status };
  }

  /** Fetches the answer as the name's web server gives it. */
  async #isProven({ names, tokens }: Order, i: number, thumbprint: string): Promise<boolean> {
    const answer = await new Promise<string>((resolve) => {
      get(
        {
          host: '127.0.0.1',
          port: this.challengePort,
          path: `/.well-known/acme-challenge/${tokens[i]}`,
          headers: { host: names[i], 'user-agent': 'test authority', accept: '*/*' },
          agent: false,
        },
        (reply) => {
          let text = `${reply.statusCode} `;
          reply.on('data', (chunk) => {
            text += chunk;
          });
          reply.on('end', () => resolve(text));
        },
      ).on('error', (error) => resolve(error.message));
    });
    this.answers.push(answer);
    return answer === `200 ${tokens[i]}.${thumbprint}`;
  }

  async #finalize(order: Order, csr: string): Promise<void> {
    if (!order.proven.every(Boolean)) throw new Refusal(403, 'orderNotReady', 'not proven');
    const request = new x509.Pkcs10CertificateRequest(fromBase64Url(csr));
    if (!(await request.verify())) throw new Refusal(400, 'badCSR', 'its signature is wrong');
    const nowMs = Date.now();
    const { before, after } = this.lives.shift() ?? { before: 3_600, after: 36_000 };
    const { cert, serial } = await this.#ca.sign(request.publicKey, {
      names: order.names,
      notBefore: new Date(nowMs - before * 1_000),
      notAfter: new Date(nowMs + after * 1_000),
    });
    order.certificate = cert;
    this.issued.push(serial);
  }
}

function keyOf(jwk: JsonWebKey): { key: KeyObject; thumbprint: string } {
  // RFC 7638: these members, in this order.
  const { crv, kty, x, y } = jwk;
  const text = JSON.stringify({ crv, kty, x, y });
  const thumbprint = createHash('sha256').update(text).digest('base64url');
  return { key: createPublicKey({ key: jwk, format: 'jwk' }), thumbprint };
}
