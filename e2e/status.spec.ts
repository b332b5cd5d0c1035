import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test as base, expect, type Page } from '@playwright/test';
import { connectTunnel, StreamClient, StreamServer, TrunklineError, type Tunnel } from 'trunkline';
import { createRelay, type Relay, type RelayOptions } from 'trunkline/relay';
import { usePages } from './pages.js';

interface Watched {
  relay: Relay;
  origin: string;
  dial(userAgent?: string): Tunnel;
}

interface Fixtures {
  /** Starts a relay with a status page. */
  watch(options?: RelayOptions): Promise<Watched>;
  /** Opens the status page of the relay at that origin; what its console says fails the test, unless it is expected. */
  openStatus(origin: string, expected?: RegExp): Promise<Page>;
}

const test = base.extend<Fixtures>({
  watch: async ({ playwright: _ }, use) => {
    const ends: (() => Promise<unknown>)[] = [];
    await use(async (options = {}) => {
      const server: Server = createServer((_request, response) => response.writeHead(204).end());
      const relay = createRelay({ status: true, ...options }).install(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const tunnels: Tunnel[] = [];
      ends.push(async () => {
        for (const tunnel of tunnels) tunnel.close();
        await relay.close();
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      });
      const dial = (userAgent = 'e2e/1.0'): Tunnel => {
        const options = { ws: { headers: { 'User-Agent': userAgent } }, token: 'listener' };
        const tunnel = connectTunnel(`${origin}/trunkline`, options);
        tunnels.push(tunnel);
        return tunnel;
      };
      return { relay, origin, dial };
    });
    for (const end of ends) await end();
  },
  openStatus: async ({ browser }, use) => {
    const said: string[] = [];
    await usePages(browser, async (openPage) => {
      await use(async (origin, expected = /favicon/) => {
        const page = await openPage('about:blank');
        page.on('console', (message) => expected.test(message.text()) || said.push(message.text()));
        page.on('pageerror', (error) => said.push(String(error)));
        await page.goto(`${origin}/trunkline/status`);
        return page;
      });
    });
    expect(said, 'what the page complained about').toEqual([]);
  },
});

test('a name is shown when its listener comes, and not when it has gone', async ({ watch, openStatus }) => {
  const { origin, dial } = await watch();
  const page = await openStatus(origin);
  const name = page.getByTestId('names').getByRole('rowheader', { name: 'SHOWN', exact: true });
  await expect(page.getByTestId('state')).toHaveText('serving');
  await expect(page.getByTestId('names-figure')).toHaveText('0');
  await expect(name).toHaveCount(0);
  const listener = StreamServer(dial(), (stream) => stream.on('error', () => {}).pipe(stream)).listen('SHOWN');
  await expect(name).toBeVisible();
  await expect(page.getByTestId('names-figure')).toHaveText('1');
  const stream = StreamClient(dial()).connect('SHOWN');
  stream.write('hello');
  await expect(page.getByTestId('streams').getByRole('rowheader', { name: 'SHOWN' })).toBeVisible();
  await expect(page.getByTestId('tunnels').getByRole('rowheader')).toHaveText(['#1', '#2']);
  stream.on('error', () => {});
  stream.destroy();
  await listener.close();
  await expect(name).toHaveCount(0);
  await expect(page.getByTestId('names-figure')).toHaveText('0');
});

test('what peers write is text, and does nothing', async ({ watch, openStatus }) => {
  const { origin, dial } = await watch();
  const hostile = `"><img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;
  await dial(hostile).opened;
  const page = await openStatus(origin);
  await expect(page.getByTestId('tunnels').getByText(hostile)).toBeVisible();
  // The next rounds touch the same cells again.
  await page.waitForResponse(/status\.json/);
  await page.waitForResponse(/status\.json/);
  expect(await page.locator('td img, td script, main script').count()).toBe(0);
  await expect(page).toHaveTitle('Trunkline relay');
});

test('script from elsewhere does not run, and nothing is sent elsewhere', async ({ watch, openStatus }) => {
  const { origin } = await watch();
  const page = await openStatus(origin, /Content Security Policy/);
  await expect(page.getByTestId('state')).toHaveText('serving');
  const outcome = await page.evaluate(async () => {
    const script = document.createElement('script');
    script.textContent = 'document.title = "taken"';
    document.body.append(script);
    const image = document.createElement('div');
    image.innerHTML = '<img src="x" onerror="document.title=\'taken\'">';
    document.body.append(image);
    return fetch('https://elsewhere.example/', { mode: 'no-cors' }).then(
      () => 'sent',
      () => 'forbidden',
    );
  });
  expect(outcome).toBe('forbidden');
  await expect(page).toHaveTitle('Trunkline relay');
});

test('a relay that asks for a token gets it from a form, and it is kept nowhere', async ({ watch, openStatus }) => {
  const asked: (string | undefined)[] = [];
  const { origin, dial } = await watch({
    authenticate: ({ token, request }) => {
      if (request.url?.endsWith('status.json')) asked.push(token);
      if (token === undefined) throw new TrunklineError('UNAUTHENTICATED', 'no token');
      return { sub: token };
    },
    authorize: ({ action, claims }) => action !== 'watch' || claims.sub === 'operator',
  });
  await StreamServer(dial(), () => {}).listen('GUARDED').ready;
  const page = await openStatus(origin, /40[13]/);
  const form = page.getByTestId('sign-in');
  await expect(form).toBeVisible();
  await expect(page.getByTestId('names')).toBeHidden();
  await page.getByLabel('Token').fill('stranger');
  await page.getByRole('button').click();
  await expect(form).toContainText('this token does not allow to watch *');
  await page.getByLabel('Token').fill('operator');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('names').getByText('GUARDED')).toBeVisible();
  await expect(form).toBeHidden();
  expect(asked.slice(0, 3)).toEqual([undefined, 'stranger', 'operator']);
  const kept = await page.evaluate(() => [
    location.href.replace(location.origin, ''),
    localStorage.length + sessionStorage.length,
    document.cookie,
    document.querySelector('input')?.value,
  ]);
  expect(kept).toEqual(['/trunkline/status', 0, '', '']);
  await page.reload();
  await expect(form).toBeVisible();
});

test('a page that nobody sees asks for nothing, and a relay that is gone is said to be', async ({
  watch,
  openStatus,
}) => {
  const { origin, relay } = await watch();
  const page = await openStatus(origin, /Failed to load|ERR_/);
  await page.clock.install();
  await page.reload();
  await expect(page.getByTestId('state')).toHaveText('serving');
  await page.waitForResponse(/status\.json/);
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: true, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await expect(page.getByTestId('state')).toHaveText('paused');
  let requests = 0;
  page.on('request', () => requests++);
  await page.clock.runFor(60_000);
  expect(requests).toBe(0);
  await relay.close();
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: false, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await expect(page.getByTestId('state')).toHaveText('unreachable');
  await expect(page.getByTestId('notice')).toBeVisible();
});

for (const width of [360, 1280]) {
  test(`nothing but tables is wider than the page, at ${width} pixels`, async ({ watch, openStatus }) => {
    const { origin, dial } = await watch();
    await StreamServer(dial('x'.repeat(300)), () => {}).listen(`LONG-${'x'.repeat(120)}`).ready;
    const page = await openStatus(origin);
    await page.setViewportSize({ width, height: 740 });
    await expect(page.getByTestId('names-figure')).toHaveText('1');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  });
}
