import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, test as base, expect, type Page } from '@playwright/test';
import { build } from 'esbuild';
import { connectTunnel, type Tunnel, type TunnelStream } from 'trunkline';
import { createRelay, type Relay } from 'trunkline/relay';
import type { ExchangeOptions, ExchangeProgress, ExchangeResult } from './exchange.js';

/** What a test page has beside the `<script>` bundle. */
declare global {
  interface Window {
    trunkline: typeof import('trunkline');
    exchange: typeof import('./exchange.js').exchange;
    ExchangeProgress: typeof ExchangeProgress;
    /** Where a page keeps what a later `evaluate` needs. */
    kept: Kept;
  }
}

interface Kept {
  tunnel: Tunnel;
  stream: TunnelStream;
  progress: ExchangeProgress;
  result: Promise<ExchangeResult>;
  lifecycle: string[];
}

export interface RelayFixture {
  relay: Relay;
  /** Of the HTTP server, without a trailing slash. The relay is on `/trunkline`. */
  origin: string;
  /** Of the relay. */
  url: string;
  /** A tunnel of this process, closed after the test. */
  dial(): Tunnel;
}

interface Fixtures {
  relayed: RelayFixture;
  /** Opens a page in a browser context of its own: as another person's browser would. */
  openPage(): Promise<Page>;
}

const PAGE = `<!doctype html><title>Trunkline test page</title>
<script src="/trunkline/trunkline.js"></script><script src="/exchange.js"></script>`;

export const test = base.extend<Fixtures>({
  relayed: async ({ playwright: _ }, use) => {
    const { relay, server, origin } = await startRelay();
    const tunnels: Tunnel[] = [];
    const dial = (): Tunnel => {
      const tunnel = connectTunnel(`${origin}/trunkline`);
      tunnels.push(tunnel);
      return tunnel;
    };
    await use({ relay, origin, url: `${origin.replace('http', 'ws')}/trunkline`, dial });
    for (const tunnel of tunnels) tunnel.close();
    await relay.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    checkNothingIsLeft(relay);
  },
  openPage: async ({ browser, relayed }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async () => {
      const context = await browser.newContext();
      contexts.push(context);
      const page = await context.newPage();
      // What a page reports and no test asks for is a finding: it fails the test.
      page.on('pageerror', (error) => {
        throw error;
      });
      await page.goto(`${relayed.origin}/`);
      return page;
    });
    for (const context of contexts) await context.close();
  },
});

export { expect };

async function startRelay(): Promise<{ relay: Relay; server: Server; origin: string }> {
  const script = await bundleExchange();
  const server = createServer((request, response) => {
    if (request.url === '/exchange.js') response.setHeader('Content-Type', 'text/javascript').end(script);
    else if (request.url === '/') response.setHeader('Content-Type', 'text/html').end(PAGE);
    else if (request.url === '/elsewhere') response.setHeader('Content-Type', 'text/html').end('elsewhere');
    else response.writeHead(204).end();
  });
  const relay = createRelay().install(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { relay, server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function bundleExchange(): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import * as all from './exchange.ts'; Object.assign(window, all, { kept: {} });`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
      loader: 'ts',
    },
    bundle: true,
    format: 'iife',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

function checkNothingIsLeft(relay: Relay): void {
  const { tunnels, names, connects, splices } = relay.stats();
  const left = { tunnels: tunnels.active, names: names.active, pending: connects.pending, splices: splices.active };
  if (Object.values(left).some((count) => count !== 0)) throw new Error(`left in the relay: ${JSON.stringify(left)}`);
}

/** In place of the relay that the page comes from. */
type RelayUrl = string | undefined;

/** A page that listens on `name` and answers its first stream with an exchange. */
export async function listenInPage(
  page: Page,
  name: string,
  options: ExchangeOptions,
  relayUrl?: RelayUrl,
): Promise<() => Promise<ExchangeResult>> {
  await page.evaluate(
    async ({ name, options, relayUrl }) => {
      const { kept } = window;
      kept.progress = new window.ExchangeProgress(options.allowedBytes);
      kept.tunnel = window.trunkline.connectTunnel(relayUrl ?? '/trunkline');
      const listener = window.trunkline
        .StreamServer(kept.tunnel, (stream) => {
          kept.stream = stream;
          kept.result = window.exchange(stream, options, kept.progress);
        })
        .listen(name);
      await listener.ready;
    },
    { name, options, relayUrl },
  );
  return () => page.evaluate(() => window.kept.result);
}

/** A page that connects to `name`; resolves with its result. */
export async function connectInPage(page: Page, name: string, options: ExchangeOptions): Promise<ExchangeResult> {
  return await (await startInPage(page, name, options))();
}

/** A page that connects to `name` and begins an exchange. */
export async function startInPage(
  page: Page,
  name: string,
  options: ExchangeOptions,
  relayUrl?: RelayUrl,
): Promise<() => Promise<ExchangeResult>> {
  await page.evaluate(
    ({ name, options, relayUrl }) => {
      const { kept } = window;
      kept.progress = new window.ExchangeProgress(options.allowedBytes);
      kept.tunnel = window.trunkline.connectTunnel(relayUrl ?? '/trunkline');
      kept.stream = window.trunkline.StreamClient(kept.tunnel).connect(name);
      kept.result = window.exchange(kept.stream, options, kept.progress);
    },
    { name, options, relayUrl },
  );
  return () => page.evaluate(() => window.kept.result);
}

/** Once the page has so many bytes of the exchange. */
export async function received(page: Page, bytes: number): Promise<void> {
  // Not by animation frames, which Playwright waits for by itself: a page behind others has none.
  await page.waitForFunction((wanted) => window.kept.progress.receivedBytes >= wanted, bytes, { polling: 10 });
}

/** Once the page's stream has lost its connection. */
export async function suspended(page: Page): Promise<void> {
  await page.waitForFunction(() => window.kept.stream.suspended, undefined, { polling: 10 });
}

/** Lets the page write on, up to so many bytes. */
export async function allow(page: Page, bytes = Number.MAX_SAFE_INTEGER): Promise<void> {
  await page.evaluate((allowedBytes) => window.kept.progress.allow(allowedBytes), bytes);
}

/** Bytes that the page has of the exchange. */
export function receivedBytes(page: Page): Promise<number> {
  return page.evaluate(() => window.kept.progress.receivedBytes);
}

/** Every byte of an exchange is there, once, at both sides. */
export function expectAllArrived(listener: ExchangeResult, client: ExchangeResult): void {
  for (const side of [listener, client]) {
    expect(side.firstWrongOffset).toBe(-1);
    expect([...side.events].sort()).toEqual(['close', 'end', 'finish']);
    expect(side.events.at(-1)).toBe('close');
  }
  expect(listener.receivedBytes).toBe(client.sentBytes);
  expect(client.receivedBytes).toBe(listener.sentBytes);
  expect(listener.receivedSha256).toBe(client.sentSha256);
  expect(client.receivedSha256).toBe(listener.sentSha256);
}
