import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from '@playwright/test';
import { expect, test } from './fixtures.js';

/** What becomes of a tunnel to that relay, as a page sees it. */
function dialFrom(page: Page, url: string): Promise<string> {
  return page.evaluate(async (relay) => {
    const tunnel = window.trunkline.connectTunnel(relay);
    return tunnel.opened.then(
      () => 'open',
      (error: Error & { code: string }) => error.code,
    );
  }, url);
}

test('a page of the relay’s own host is served, one of another site is not', async ({ openPage, relayed, browser }) => {
  expect(await dialFrom(await openPage(), relayed.url)).toBe('open');

  const html = `<!doctype html><script src="${relayed.origin}/trunkline/trunkline.js"></script>`;
  const elsewhere = createServer((_request, response) => response.setHeader('Content-Type', 'text/html').end(html));
  await new Promise<void>((resolve) => elsewhere.listen(0, () => resolve()));
  const { port } = elsewhere.address() as AddressInfo;
  const context = await browser.newContext();
  const page = await context.newPage();
  // Another port is another site already; an address is not the name that it belongs to.
  for (const host of ['localhost', '127.0.0.1']) {
    await page.goto(`http://${host}:${port}/`);
    expect(await dialFrom(page, relayed.url)).toBe('CONNECTION_LOST');
  }
  expect(relayed.relay.stats().tunnels.opened).toBe(1);
  await context.close();
  elsewhere.closeAllConnections();
  await new Promise((resolve) => elsewhere.close(resolve));
});

test('a sandboxed frame, whose origin is null, is not served', async ({ openPage, relayed }) => {
  const page = await openPage();
  const code = await page.evaluate(async (relay) => {
    const frame = document.createElement('iframe');
    frame.sandbox.add('allow-scripts');
    frame.srcdoc = `<script src="${location.origin}/trunkline/trunkline.js"></script><script>
      trunkline.connectTunnel('${relay}').opened.then(
        () => parent.postMessage('open', '*'),
        (error) => parent.postMessage(error.code, '*'),
      );
    </script>`;
    const answer = new Promise<string>((resolve) => {
      addEventListener('message', ({ data }) => resolve(data as string));
    });
    document.body.append(frame);
    return answer;
  }, relayed.url);
  expect(code).toBe('CONNECTION_LOST');
});
