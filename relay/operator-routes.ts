import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorCode } from '../src/protocol/codes.js';
import { type TrunklineError, toTrunklineError } from '../src/protocol/errors.js';
import type { HttpAccess, HttpRefusal } from './http-access.js';
import type { RelayInspection, RelayState } from './inspection.js';
import { serveStatusPage } from './status-page.js';

/** What an operator's requests are answered with. */
export interface Observed {
  state(): RelayState;
  metrics(): Promise<string>;
  inspect(): RelayInspection;
  refused(request: IncomingMessage, code: ErrorCode): void;
  defectFound(error: TrunklineError): void;
}

export interface RouteOptions {
  metrics: boolean;
  status: boolean;
}

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** What a relay answers below its path to those who run it. What was not asked for is left to the application. */
export class OperatorRoutes {
  private readonly routes = new Map<string, Answer>();

  constructor(
    { metrics, status }: RouteOptions,
    private readonly relay: Observed,
    private readonly access: HttpAccess,
  ) {
    this.routes.set('/healthz', (_, response) => sendText(response, 200, 'ok\n'));
    this.routes.set('/readyz', (_, response) => this.sendReadiness(response));
    if (metrics) this.guard('/metrics', async (response) => send(response, 200, METRICS_TYPE, await relay.metrics()));
    if (!status) return;
    this.routes.set('/status', (_, response) => serveStatusPage(response));
    this.guard('/status.json', (response) => send(response, 200, JSON_TYPE, JSON.stringify(relay.inspect())));
  }

  /** False: this is somebody else's. */
  serve(subPath: string, request: IncomingMessage, response: ServerResponse): boolean {
    const answer = this.routes.get(subPath);
    if (answer === undefined) return false;
    if (request.method === 'GET' || request.method === 'HEAD') answer(request, response);
    else response.writeHead(405, { Allow: 'GET, HEAD', 'Cache-Control': 'no-store' }).end();
    return true;
  }

  private sendReadiness(response: ServerResponse): void {
    const state = this.relay.state();
    if (state === 'serving') sendText(response, 200, 'ready\n');
    else sendText(response, 503, `${state}\n`);
  }

  private guard(path: string, answer: (response: ServerResponse) => void | Promise<void>): void {
    this.routes.set(path, (request, response) => {
      this.answerIfAllowed(request, response, answer).catch((error) => {
        if (response.headersSent) response.destroy();
        else refuse(response, { status: 500, code: 'INTERNAL', message: 'the relay failed to answer' });
        this.relay.defectFound(toTrunklineError(error, 'INTERNAL'));
      });
    });
  }

  private async answerIfAllowed(
    request: IncomingMessage,
    response: ServerResponse,
    answer: (response: ServerResponse) => void | Promise<void>,
  ): Promise<void> {
    const refusal = await this.access.refusalOf(request);
    if (refusal === undefined) return answer(response);
    this.relay.refused(request, refusal.code);
    refuse(response, refusal);
  }
}

function refuse(response: ServerResponse, { status, ...body }: HttpRefusal): void {
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
  send(response, status, JSON_TYPE, JSON.stringify(body));
}

function sendText(response: ServerResponse, status: number, text: string): void {
  send(response, status, 'text/plain; charset=utf-8', text);
}

/** To a HEAD Node sends the head alone. */
function send(response: ServerResponse, status: number, type: string, body: string): void {
  response
    .writeHead(status, {
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      // Another site's page may not even embed it.
      'Cross-Origin-Resource-Policy': 'same-origin',
    })
    .end(body);
}
