import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { PAGE_SCRIPT, TRUNKLINE_SCRIPT } from './page-script.js';
import type { Answer, Order, TransferResult, Visibility } from './protocol.js';

/** A page that stalls, or never comes, must end the run, not hang it. */
const ORDER_TIMEOUT_MS = 30_000;

const HTML = 'text/html; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const PAGE = `<!doctype html><title>measured page</title><link rel="icon" href="data:,">
<script type="importmap">{ "imports": { "trunkline": "/trunkline.js" } }</script>
<script type="module" src="/page.js"></script>`;
const COVER = '<!doctype html><title>the tab in front</title><link rel="icon" href="data:,">';

/** Serves the measured page, and gives it its orders: the page asks for the next with the answer to the last. */
export class PageServer {
  private readonly server = createServer((request, response) => void this.respond(request, response));
  private asking: ServerResponse | undefined;
  private waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;

  static async start(): Promise<PageServer> {
    const page = new PageServer();
    page.server.listen(0, '127.0.0.1');
    await once(page.server, 'listening');
    return page;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  /** The visibility that the page begins with. */
  async opened(): Promise<Visibility> {
    return (await this.answer('to be opened')) as Visibility;
  }

  order(order: Extract<Order, { kind: 'hide' }>): Promise<Visibility>;
  order(order: Extract<Order, { kind: 'transfer' }>): Promise<TransferResult>;
  async order(order: Order): Promise<unknown> {
    const answer = this.answer(JSON.stringify(order));
    this.asking?.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(order));
    this.asking = undefined;
    return answer;
  }

  /** The browser is gone: nobody will answer. */
  fail(error: Error): void {
    this.waiting?.reject(error);
  }

  stop(): void {
    this.fail(new Error('the benchmark ends'));
    this.server.close();
    this.server.closeAllConnections();
  }

  private async answer(question: string): Promise<unknown> {
    const timer = setTimeout(() => this.fail(new Error(`the page does not answer: ${question}`)), ORDER_TIMEOUT_MS);
    try {
      const answer = await new Promise<Answer>((resolve, reject) => {
        this.waiting = { resolve, reject };
      });
      if ('failure' in answer) throw new Error(`page: ${answer.failure}`);
      return answer.result;
    } finally {
      this.waiting = undefined;
      clearTimeout(timer);
    }
  }

  private async respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (type: string, body: string | Buffer) => response.writeHead(200, { 'content-type': type }).end(body);
    switch (request.url) {
      case '/':
        return void send(HTML, PAGE);
      case '/cover':
        return void send(HTML, COVER);
      case '/page.js':
        return void send(SCRIPT, await readFile(PAGE_SCRIPT));
      case '/trunkline.js':
        return void send(SCRIPT, await readFile(TRUNKLINE_SCRIPT));
      case '/orders': {
        const answer = JSON.parse(await text(request)) as Answer;
        this.asking = response;
        this.waiting?.resolve(answer);
        return;
      }
      default:
        response.writeHead(404).end();
    }
  }
}
