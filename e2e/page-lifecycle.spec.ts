import type { Page } from '@playwright/test';
import { TcpProxy } from '../test/support/tcp-proxy.js';
import type { ExchangeOptions } from './exchange.js';
import { test as base, expect } from './fixtures.js';
import { allow, finishExchange, MIB, type PageExchange, received, startExchange, suspended } from './page-exchange.js';
import { UserBrowser } from './user-browser.js';

/** Each way. */
const BYTES = 50 * MIB;
/** So far until what is to happen has happened. */
const HALF = 25 * MIB;
const OF_LISTENER: ExchangeOptions = { bytes: BYTES, seed: 55, peerSeed: 66, allowedBytes: HALF };
const OF_CLIENT: ExchangeOptions = { bytes: BYTES, seed: 66, peerSeed: 55, allowedBytes: HALF };

/** Sends a byte and keeps the stream open. */
const OF_QUIET: ExchangeOptions = { bytes: 1, peerBytes: 1, seed: 77, peerSeed: 77, staysOpen: true };

const test = base.extend<{ user: UserBrowser; wire: TcpProxy }>({
  user: async ({ playwright: _ }, use) => {
    const user = await UserBrowser.start();
    await use(user);
    await user.close();
  },
  wire: async ({ relayed }, use) => {
    const wire = await TcpProxy.start(relayed.url);
    await use(wire);
    await wire.close();
  },
});

/** Between two pages, and well under way. */
async function startHalf(listener: Page, client: Page, listenerUrl?: string): Promise<PageExchange> {
  const exchange = await startExchange(
    { page: listener, options: OF_LISTENER, relayUrl: listenerUrl },
    { page: client, options: OF_CLIENT },
  );
  await received(client, 5 * MIB);
  return exchange;
}

/** What the page is told of its own life, from now on. */
async function recordLifecycle(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const events: string[] = [];
    window.kept.lifecycle = events;
    document.addEventListener('visibilitychange', () => events.push(document.visibilityState));
    for (const name of ['freeze', 'resume']) document.addEventListener(name, () => events.push(name));
    for (const name of ['pagehide', 'pageshow'] as const) {
      addEventListener(name, ({ persisted }) => events.push(persisted ? `${name} persisted` : name));
    }
  });
  return () => page.evaluate(() => window.kept.lifecycle);
}

function visibility(page: Page): Promise<string> {
  return page.evaluate(() => document.visibilityState);
}

test('a tab behind another goes on, and reconnects there', async ({ relayed, openPage, user, wire }) => {
  const listener = await user.openTab(relayed.origin);
  await user.openTab();
  expect(await visibility(listener)).toBe('hidden');
  const client = await openPage();
  const exchange = await startHalf(listener, client, wire.url);
  wire.cut();
  await suspended(client);
  await Promise.all([allow(listener), allow(client)]);
  const results = await finishExchange(exchange);
  expect(results.listener.suspensions).toBeGreaterThan(0);
  expect(await visibility(listener)).toBe('hidden');
});

test('a frozen tab, whose connection is lost meanwhile, goes on when it is woken', async ({
  relayed,
  openPage,
  user,
  wire,
}) => {
  const listener = await user.openTab(relayed.origin);
  const client = await openPage();
  await user.openTab();
  const events = await recordLifecycle(listener);
  const exchange = await startHalf(listener, client, wire.url);
  await user.setLifecycle(listener, 'frozen');
  wire.cut();
  await suspended(client);
  expect(await listener.evaluate(() => window.kept.stream.suspended)).toBe(false);
  await Promise.all([allow(listener), allow(client)]);
  await user.setLifecycle(listener, 'active');
  const results = await finishExchange(exchange);
  expect(results.listener.suspensions).toBeGreaterThan(0);
  expect(await events()).toEqual(['freeze', 'resume']);
});

test('a page that comes back from the back/forward cache goes on; one that is not kept is told of as gone', async ({
  relayed,
  openPage,
  user,
}) => {
  const listener = await openPage();
  const client = await user.openTab(relayed.origin);
  const events = await recordLifecycle(client);
  const exchange = await startHalf(listener, client);
  await client.evaluate(() => location.assign('/elsewhere'));
  await client.waitForURL('**/elsewhere');
  await client.evaluate(() => history.back());
  await client.waitForFunction(() => window.kept !== undefined);
  const hasCache = await client.evaluate(() => window.kept.stream !== undefined);
  test.info().annotations.push({ type: 'back/forward cache', description: hasCache ? 'kept' : 'not kept' });
  if (!hasCache)
    return expect((await exchange.listenerResult()).events).toContainEqual(expect.stringMatching(/TUNNEL_CLOSED/));
  await Promise.all([allow(listener), allow(client)]);
  const results = await finishExchange(exchange);
  expect(results.client.suspensions).toBeGreaterThan(0);
  expect(await events()).toEqual(['pagehide persisted', 'hidden', 'freeze', 'resume', 'visible', 'pageshow persisted']);
});

test('the other side learns at once of a page that is left, reloaded or closed', async ({ openPage }) => {
  const partings = [
    (page: Page) => page.goto('about:blank'),
    (page: Page) => page.reload(),
    (page: Page) => page.close({ runBeforeUnload: true }),
  ];
  for (const part of partings) {
    for (const [role, code] of Object.entries({ listener: 'LISTENER_GONE', client: 'TUNNEL_CLOSED' })) {
      const pages = { listener: await openPage(), client: await openPage() };
      await startExchange({ page: pages.listener, options: OF_QUIET }, { page: pages.client, options: OF_QUIET });
      for (const page of [pages.listener, pages.client]) await received(page, 1);
      const other = role === 'listener' ? pages.client : pages.listener;
      const failed = other.evaluate(
        () =>
          new Promise<unknown>((resolve) => {
            const { stream } = window.kept;
            stream.once('error', (error: Error & { code?: string }) => resolve(error.code));
            stream.once('suspend', () => resolve('suspended'));
          }),
      );
      await part(pages[role as keyof typeof pages]);
      expect(await failed).toBe(code);
      await other.close();
    }
  }
});
