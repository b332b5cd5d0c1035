import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { test as base, expect, type Page } from '@playwright/test';
import { build } from 'esbuild';
import { connectTunnel, type Tunnel, type TunnelStream } from 'trunkline';
import { createRelay, type Relay } from 'trunkline/relay';
import type { ExchangeProgress, ExchangeResult } from './exchange.js';
import { usePages } from './pages.js';

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
    await usePages(browser, (openPage) => use(() => openPage(`${relayed.origin}/`)));
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
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // By name: through a proxy of a test its pages dial another port than their own.
  const relay = createRelay({ origins: [origin] }).install(server);
  return { relay, server, origin };
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
