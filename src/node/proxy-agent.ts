import type { ClientRequest } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { HttpsProxyAgent } from 'https-proxy-agent';
import type { ErrorCode } from '../protocol/codes.js';
import { TrunklineError } from '../protocol/errors.js';

const OK = 200;
const PROXY_AUTHENTICATION_REQUIRED = 407;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** Why a proxy led nowhere: `cause` of the error that a dial through it ends with. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';

  constructor(
    message: string,
    /** What the proxy answered to CONNECT. Undefined: nothing, or nothing that is HTTP. */
    readonly statusCode: number | undefined,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

type ConnectOptions = Parameters<HttpsProxyAgent<string>['connect']>[1];

/**
 * Leads one dial through an HTTP proxy. What the proxy refuses is an error of its own, and not, as `ws` would have it, an odd
 * answer of the server.
 */
export class ProxyAgent extends HttpsProxyAgent<string> {
  private readonly abandon: AbortController;

  constructor(proxy: URL) {
    const abandon = new AbortController();
    // Until the proxy has answered nothing else reaches the socket to it.
    super(proxy, { signal: abandon.signal } as object);
    this.abandon = abandon;
    // Whatever a request's own is. The default is found by a look at the stack, which an application may have cut short.
    this.protocol = '';
  }

  override async connect(request: ClientRequest, options: ConnectOptions): Promise<Socket> {
    const socket = await this.connectPlain(request, options);
    if (!options.secureEndpoint) return socket;
    const { host = '', servername = isIP(host) ? '' : host } = options;
    // Without `host`, a certificate for an address would be compared with the proxy's name.
    return connectTls({ ...(options as ConnectionOptions), host, servername, path: undefined, socket });
  }

  /** A socket that leads to the server, without TLS yet. */
  private async connectPlain(request: ClientRequest, options: ConnectOptions): Promise<Socket> {
    const answer: { statusCode?: number } = {};
    request.once('proxyConnect', (response: { statusCode: number }) => Object.assign(answer, response));
    const abort = (): void => this.abandon.abort();
    request.once('abort', abort);
    try {
      if (request.destroyed) throw new Error('the dial was given up');
      const socket = await super.connect(request, { ...options, secureEndpoint: false } as ConnectOptions);
      // What stands for a refusal has no connection behind it any more.
      if (answer.statusCode === OK) return socket;
    } catch (cause) {
      throw this.failure(undefined, cause);
    } finally {
      request.off('abort', abort);
    }
    throw this.failure(answer.statusCode || undefined);
  }

  private failure(statusCode: number | undefined, cause?: unknown): TrunklineError {
    const { hostname, port, protocol } = this.proxy;
    const message = `the proxy ${hostname}:${port || DEFAULT_PORTS[protocol]} ${whatItDid(statusCode, cause)}`;
    const error = new ProxyError(message, statusCode, cause === undefined ? {} : { cause });
    return new TrunklineError(errorCode(statusCode), message, { cause: error });
  }
}

function errorCode(statusCode: number | undefined): ErrorCode {
  if (statusCode === PROXY_AUTHENTICATION_REQUIRED) return 'UNAUTHENTICATED';
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? 'FORBIDDEN' : 'CONNECTION_LOST';
}

function whatItDid(statusCode: number | undefined, cause: unknown): string {
  if (statusCode !== undefined) return `refused the connection with status ${statusCode}`;
  if (cause === undefined) return 'gave no answer that is HTTP';
  const { message, code } = cause as Error & { code?: string };
  // An error about several addresses has no message.
  return `cannot be used: ${message || code}`;
}
