/**
 * Pictures of the relay's status page under some load: light, dark, on a phone, and while it asks for a token.
 *
 *   npx tsx test/tools/status-screenshots.ts [FOLDER, by default .cache/status]
 */
import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright';
import { buildStatusPage } from '../../esbuild.status.js';
import { createRelay, type Relay, type RelayOptions, TrunklineError } from '../../relay/index.js';
import { type ConnectTunnelOptions, connectTunnel, StreamClient, StreamServer, type Tunnel } from '../../src/index.js';
import { findChromium } from './find-browser.js';

const folder = process.argv[2] ?? '.cache/status';
const WATCHED_MS = 13_000;
const ARCHIVE = 'archive:cold-storage-with-a-rather-long-name.eu-central-1';
const PIECE = new Uint8Array(48 * 1024);

mkdirSync(folder, { recursive: true });
mkdirSync('dist', { recursive: true });
await buildStatusPage('dist/status.html');
const open = await start({ limits: { egressBytes: 256 * 1024, maxPendingPerName: 64 } });
const closed = await start({
  authenticate: () => {
    throw new TrunklineError('UNAUTHENTICATED', 'a token is needed');
  },
});
const tunnels: Tunnel[] = [];
const timers = load(`${open.origin}/trunkline`);
const browser = await chromium.launch({ executablePath: await findChromium(), chromiumSandbox: false });
try {
  await Promise.all([
    picture('light', open.origin, { colorScheme: 'light', viewport: { width: 1280, height: 900 } }),
    picture('dark', open.origin, { colorScheme: 'dark', viewport: { width: 1280, height: 900 } }),
    picture('phone', open.origin, { colorScheme: 'light', viewport: { width: 360, height: 740 } }),
    picture('sign-in', closed.origin, { colorScheme: 'dark', viewport: { width: 900, height: 600 } }),
  ]);
} finally {
  for (const timer of timers) clearInterval(timer);
  await browser.close();
  for (const tunnel of tunnels) tunnel.close();
  for (const { relay, server } of [open, closed]) {
    await relay.close();
    server.closeAllConnections();
    server.close();
  }
}

async function start(options: RelayOptions): Promise<{ relay: Relay; server: Server; origin: string }> {
  const server = createServer();
  const relay = createRelay({ ...options, status: true }).install(server);
  relay.on('error', (error) => console.error(error));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { relay, server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function picture(name: string, origin: string, options: Parameters<typeof browser.newPage>[0]): Promise<void> {
  const page: Page = await browser.newPage(options);
  page.on('console', (message) => console.error(`${name}: ${message.text()}`));
  await page.goto(`${origin}/trunkline/status`);
  await page.waitForTimeout(WATCHED_MS);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

/** Listeners, streams that flow, streams whose reader has stopped, and requests that are refused. */
function load(url: string): ReturnType<typeof setInterval>[] {
  const dial = (userAgent: string, options: ConnectTunnelOptions = {}): Tunnel => {
    const tunnel = connectTunnel(url, { ...options, ws: { headers: { 'User-Agent': userAgent } } });
    tunnels.push(tunnel);
    return tunnel;
  };
  const echo = dial('camera-gateway/2.4 (linux; arm64)');
  StreamServer(echo, (stream) => stream.pipe(stream).on('error', () => {})).listen('camera:front-door');
  StreamServer(dial('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36'), (stream) =>
    stream.resume().on('error', () => {}),
  ).listen('upload:7f3a');
  // They accept, and read nothing: the first does not read its streams, the other not even its socket.
  StreamServer(dial('slow-reader/0.1'), (stream) => stream.on('error', () => {})).listen(ARCHIVE);
  const stopped = dial('stopped-reader/0.1', { windowBytes: 4 * 1024 * 1024 });
  StreamServer(stopped, (stream) => {
    stream.on('error', () => {});
    setTimeout(() => stopped.pause(), 500);
  }).listen('backup:nightly');
  const clients = ['node/24.1', 'trunkline-cli/0.1.0', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)'].map(
    (program) => dial(program),
  );
  const timers: ReturnType<typeof setInterval>[] = [];
  clients.forEach((tunnel, index) => {
    for (const name of ['camera:front-door', 'upload:7f3a', ARCHIVE]) {
      const stream = StreamClient(tunnel).connect(name, { waitMs: 5_000 });
      stream.resume().on('error', () => {});
      timers.push(setInterval(() => stream.writableNeedDrain || stream.write(PIECE), 40 + 90 * index));
    }
  });
  for (let count = 0; count < 16; count++) {
    const stream = StreamClient(clients[2] as Tunnel).connect('backup:nightly', { waitMs: 5_000 });
    stream.on('error', () => {});
    timers.push(setInterval(() => stream.writableNeedDrain || stream.write(new Uint8Array(512 * 1024)), 20));
  }
  timers.push(
    setInterval(
      () =>
        StreamClient(clients[0] as Tunnel)
          .connect('nobody')
          .on('error', () => {}),
      700,
    ),
    setInterval(() => {
      const tunnel = connectTunnel(url);
      StreamServer(tunnel, () => {})
        .listen('camera:front-door')
        .on('error', () => tunnel.close());
    }, 3_000),
  );
  return timers;
}
