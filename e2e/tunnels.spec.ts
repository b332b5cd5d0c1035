import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Page } from '@playwright/test';
import type { Tunnel, TunnelStream } from 'trunkline';
import { TunnelServer } from 'trunkline/node';
import { expect, test } from './fixtures.js';

const MIB = 1024 * 1024;

/** In the page: opens a stream on `window.kept.tunnel`, sends so many bytes, and returns how many came back. */
function echoThroughPage(page: Page, bytes: number): Promise<{ meta: unknown; returned: number; isRight: boolean }> {
  return page.evaluate(async (length) => {
    const stream = window.kept.tunnel.createStream({ meta: { from: 'page' } });
    const chunk = Uint8Array.from({ length: 64 * 1024 }, (_, index) => index % 251);
    let returned = 0;
    let isRight = true;
    stream.on('data', (bytes: Uint8Array) => {
      for (const [index, byte] of bytes.entries()) isRight &&= byte === ((returned + index) % chunk.length) % 251;
      returned += bytes.length;
    });
    for (let sent = 0; sent < length; sent += chunk.length) {
      if (!stream.write(chunk)) await new Promise((resolve) => stream.once('drain', resolve));
    }
    stream.end();
    await new Promise((resolve) => stream.once('close', resolve));
    return { meta: stream.meta, returned, isRight };
  }, bytes);
}

test.describe('a page and a TunnelServer', () => {
  test('both open streams, and a cut costs no byte', async ({ openPage }) => {
    const server = new TunnelServer({ port: 0 });
    await once(server, 'listening');
    const opened = once(server, 'tunnel.open') as Promise<[Tunnel]>;
    const page = await openPage();
    await page.evaluate(
      (port) => {
        const tunnel = window.trunkline.connectTunnel(`ws://localhost:${port}`, { protocols: ['a', 'b'] });
        tunnel.on('stream', (stream: TunnelStream) => stream.end(`page got ${JSON.stringify(stream.meta)}`));
        window.kept = { ...window.kept, tunnel };
      },
      (server.address() as AddressInfo).port,
    );
    const [tunnel] = await opened;
    tunnel.on('stream', (stream: TunnelStream) => stream.pipe(stream));

    const stream = tunnel.createStream({ meta: [1] });
    stream.end();
    expect(await text(stream)).toBe('page got [1]');

    const resumed = once(tunnel, 'resume');
    const echo = echoThroughPage(page, 24 * MIB);
    await once(tunnel, 'stream');
    for (const webSocket of server.clients) webSocket.terminate();
    await resumed;
    expect(await echo).toEqual({ meta: null, returned: 24 * MIB, isRight: true });
    expect(await page.evaluate(() => window.kept.tunnel.id)).toBe(tunnel.id);
    expect([...server.tunnels.keys()]).toEqual([tunnel.id]);
    await server.close();
  });
});

const WORKER = `
  importScripts('/trunkline/trunkline.js');
  const acceptor = new trunkline.TunnelAcceptor({}, (tunnel) => {
    tunnel.on('stream', (stream) => stream.pipe(stream));
  });
  acceptor.acceptPort(self);
`;

test('a page and its worker', async ({ openPage }) => {
  const page = await openPage();
  await page.evaluate((source) => {
    // A worker of a blob has no address of its own to load the bundle from.
    const code = source.replace('/trunkline/', `${location.origin}/trunkline/`);
    const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
    window.kept = { ...window.kept, tunnel: window.trunkline.connectPort(worker) };
  }, WORKER);
  expect(await echoThroughPage(page, 8 * MIB)).toEqual({ meta: null, returned: 8 * MIB, isRight: true });
  await page.evaluate(() => window.kept.tunnel.close());
});

test('a page and an iframe, over a MessageChannel', async ({ openPage }) => {
  const page = await openPage();
  await page.evaluate(async () => {
    const frame = document.createElement('iframe');
    frame.srcdoc = `<script src="/trunkline/trunkline.js"></script><script>
      addEventListener('message', ({ ports: [port] }) => {
        const acceptor = new trunkline.TunnelAcceptor({}, (tunnel) => {
          tunnel.on('stream', (stream) => stream.pipe(stream));
        });
        acceptor.acceptPort(port);
      });
    </script>`;
    const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
    document.body.append(frame);
    await loaded;
    const { port1, port2 } = new MessageChannel();
    frame.contentWindow?.postMessage('a port', '*', [port2]);
    window.kept = { ...window.kept, tunnel: window.trunkline.connectPort(port1) };
  });
  expect(await echoThroughPage(page, 8 * MIB)).toEqual({ meta: null, returned: 8 * MIB, isRight: true });
  await page.evaluate(() => window.kept.tunnel.close());
});

test('an iframe that is gone is found out, and no stream hangs', async ({ openPage }) => {
  const page = await openPage();
  const code = await page.evaluate(async () => {
    const { port1, port2 } = new MessageChannel();
    const acceptor = new window.trunkline.TunnelAcceptor();
    acceptor.acceptPort(port2);
    const tunnel = window.trunkline.connectPort(port1);
    await tunnel.opened;
    const stream = tunnel.createStream();
    const failed = new Promise<string>((resolve) =>
      stream.once('error', (error: Error & { code: string }) => resolve(error.code)),
    );
    // As a browser does with the ports of a document that goes away.
    port2.close();
    port2.postMessage = () => {};
    tunnel.terminate();
    return failed;
  });
  expect(code).toBe('CONNECTION_LOST');
});
