/** The examples, as processes against a relay; pages without a browser (see page-runner.ts). */
import { readdirSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { Program, stopAllPrograms } from './program.js';

checkLeaksAfterEach();
afterEach(async () => {
  expect(await stopAllPrograms(), 'processes left running').toBe(0);
});

test('none is left out', () => {
  const folders = readdirSync('examples', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name).sort()).toEqual(['echo', 'http-behind-nat', 'page-to-page']);
});

test('echo: what goes in comes back', async () => {
  const { url } = await startRelay();
  const listener = new Program('examples/echo/listen.js', [url]);
  await listener.line(/^listening on echo$/);
  const client = new Program('examples/echo/connect.js', [url]);
  client.write('first line\n');
  await client.line(/^first line$/);
  client.write('second line\n');
  client.closeStdin();
  expect(await client.end()).toEqual({ code: 0, signal: null });
  expect(client.lines).toEqual(['first line', 'second line']);
  expect(client.stderr + listener.stderr).toBe('');
  await listener.leave();
});

test('echo: no listener, a second listener, no relay', async () => {
  const { url } = await startRelay();
  const early = new Program('examples/echo/connect.js', [url]);
  expect(await early.end()).toMatchObject({ code: 1 });
  expect(early.stderr).toMatch(/^NO_LISTENER: nobody listens on echo\n$/);

  const listener = new Program('examples/echo/listen.js', [url]);
  await listener.line(/^listening on echo$/);
  const second = new Program('examples/echo/listen.js', [url]);
  expect(await second.end()).toMatchObject({ code: 1 });
  expect(second.stderr).toMatch(/^NAME_TAKEN: [^\n]+\n$/);
  expect(listener.isRunning).toBe(true);
  await listener.leave();

  const lost = new Program('examples/echo/listen.js', ['ws://127.0.0.1:1/trunkline']);
  expect(await lost.end()).toMatchObject({ code: 1 });
  expect(lost.stderr).toMatch(/^CONNECTION_LOST: [^\n]*ECONNREFUSED[^\n]*\n$/);
});

test('http-behind-nat: a request is answered by the process without a port', async () => {
  const { url } = await startRelay();
  const server = new Program('examples/http-behind-nat/serve.js', [url]);
  await server.line(/^serving http on web$/);
  for (const path of ['/', '/some/page?q=1']) {
    const client = new Program('examples/http-behind-nat/get.js', [path, url]);
    expect(await client.end()).toEqual({ code: 0, signal: null });
    expect(client.lines).toEqual([`200 GET ${path}, answered by process ${server.pid}`]);
    expect(client.stderr).toBe('');
  }
  expect(server.stderr).toBe('');
  await server.leave();

  const orphan = new Program('examples/http-behind-nat/get.js', ['/', url]);
  expect(await orphan.end()).toMatchObject({ code: 1 });
  expect(orphan.stderr).toMatch(/nobody listens on web/);
});

test('page-to-page: one page answers the other', async () => {
  const server = new Program('examples/page-to-page/server.js', ['0']);
  const [, address = ''] = await server.line(/(http:\S+)\/client\.html in another$/);
  for (const path of ['/', '/listener.html', '/client.html'])
    expect((await fetchPage(address + path)).status).toBe(200);
  expect((await fetchPage(`${address}/server.js`)).status).toBe(404);

  const runner = 'test/docs/page-runner.ts';
  const early = new Program(runner, ['examples/page-to-page/client.html', `${address}/client.html`]);
  early.write('submit\n');
  await early.line(/^#log: NO_LISTENER: nobody listens on page$/);

  const listener = new Program(runner, ['examples/page-to-page/listener.html', `${address}/listener.html`]);
  await listener.line(/^#state: listening on "page"$/);
  await server.line(/^somebody listens on page$/);
  early.write('submit\n');
  await early.line(/^#log: HELLO$/);
  await listener.line(/^#log: hello$/);

  await listener.leave();
  await server.line(/^nobody listens on page any more$/);
  expect(server.stderr + listener.stderr + early.stderr).toBe('');
  await Promise.all([early.stop(), server.stop()]);
});

async function fetchPage(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { headers: { Connection: 'close' } });
  return { status: response.status, text: await response.text() };
}
