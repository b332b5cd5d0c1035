/** `trunkline send` and `trunkline receive`, as processes, across a relay. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';
import { buildCli, CliProcess, runCli } from './cli-process.js';

const MIB = 2 ** 20;
/** For a process to start, on a machine that has other things to do. */
const PATIENCE_MS = 30_000;
const CONTENT = seededBytes(11, 0, 16 * MIB);

checkLeaksAfterEach();
buildCli();

let folder: string;
let file: string;
let inbox: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-'));
  file = join(folder, 'data.bin');
  inbox = join(folder, 'inbox');
  mkdirSync(inbox);
  writeFileSync(file, CONTENT);
});
afterEach(() => rmSync(folder, { recursive: true }));

async function start() {
  const fixture = await startRelay();
  const env = { TRUNKLINE_RELAY: fixture.url };
  const send = async (...flags: string[]): Promise<CliProcess> => {
    const sender = new CliProcess(['send', file, '--as', 'data', ...flags], { env });
    if (!flags.includes('--quiet')) await sender.says(/^trunkline: data\.bin waits for its receiver at data\n/);
    return sender;
  };
  const receive = (...flags: string[]) => runCli(['receive', 'data', '--out', inbox, ...flags], '', { env });
  return { fixture, env, send, receive };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test('a file comes whole, both are done with 0, and its place is printed', async () => {
  const { send, receive } = await start();
  const sender = await send();
  const { code, stdout, stderr } = await receive();
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${join(inbox, 'data.bin')}\n` });
  expect(stderr).toMatch(
    /^trunkline: data\.bin: 16\.0 MiB\n(trunkline: data\.bin: \d0 %\n)*trunkline: data\.bin: received\n$/,
  );
  expect(await sender.exit).toBe(0);
  expect(sender.stderr).toMatch(/\ntrunkline: data\.bin: received\n$/);
  expect(sha256(readFileSync(join(inbox, 'data.bin')))).toBe(sha256(CONTENT));
  expect(readdirSync(inbox)).toEqual(['data.bin']);
});

test('--quiet says nothing, and --wait lets the receiver come first', async () => {
  const { fixture, send, receive } = await start();
  const received = receive('--quiet', '--wait', '60');
  await until(() => fixture.relay.stats().connects.pending === 1, 'the receiver waits', PATIENCE_MS);
  const sender = await send('--quiet');
  expect(await received).toEqual({ code: 0, stdout: `${join(inbox, 'data.bin')}\n`, stderr: '' });
  expect(await sender.exit).toBe(0);
  expect(sender.stderr).toBe('');
});

test('somebody who is no receiver, and one who gives up, do not end it; the next goes on where that one was', async () => {
  const { fixture, env, send, receive } = await start();
  const sender = await send();
  expect(await runCli(['connect', 'data'], 'GET / HTTP/1.1\r\n\r\n', { env })).toMatchObject({ code: 1 });
  await sender.says(/data\.bin: not received: PROTOCOL: /);

  // One whose connection swallows what comes after the first MiB: it is in the middle for as long as it takes.
  const proxy = await TcpProxy.start(fixture.url);
  const first = new CliProcess(['receive', 'data', '--out', inbox, '--relay', proxy.url], { env });
  await until(() => proxy.counters.toPeerBytes > MIB, 'the file to be under way', PATIENCE_MS);
  proxy.hold('toPeer');
  await until(() => readdirSync(inbox).length > 0, 'the first part to be there');
  first.kill('SIGINT');
  expect(await first.exit).toBe(130);
  await sender.says(/data\.bin: not received: CANCELED: .*SIGINT.*\(SIGINT\)\n/);
  await proxy.close();

  const { code, stderr } = await receive();
  expect(code).toBe(0);
  expect(stderr).toMatch(/^trunkline: data\.bin: 16\.0 MiB, [\d.]+ \w+ of it there before\n/);
  expect(await sender.exit).toBe(0);
  expect(sha256(readFileSync(join(inbox, 'data.bin')))).toBe(sha256(CONTENT));
  expect(readdirSync(inbox)).toEqual(['data.bin']);
});

test('a cut in the middle is waited out', async () => {
  const { fixture, env, send } = await start();
  const sender = await send();
  const proxy = await TcpProxy.start(fixture.url);
  const receiver = new CliProcess(['receive', 'data', '--out', inbox, '--relay', proxy.url], { env });
  await until(() => proxy.counters.toPeerBytes > 4 * MIB, 'the file to be under way', PATIENCE_MS);
  proxy.cut();
  expect(await receiver.exit).toBe(0);
  expect(receiver.stderr).toContain('trunkline: connection lost, reconnecting\n');
  expect(await sender.exit).toBe(0);
  expect(sha256(readFileSync(join(inbox, 'data.bin')))).toBe(sha256(CONTENT));
  await proxy.close();
});

test('--many serves all who come, at once, until a signal', async () => {
  const { fixture, send, receive } = await start();
  const sender = await send('--many');
  const inboxes = ['a', 'b', 'c'].map((name) => join(inbox, name));
  const results = inboxes.map((own) => {
    mkdirSync(own);
    return receive('--out', own, '--quiet');
  });
  expect(await Promise.all(results)).toEqual(
    inboxes.map((own) => ({ code: 0, stdout: `${join(own, 'data.bin')}\n`, stderr: '' })),
  );
  for (const own of inboxes) expect(sha256(readFileSync(join(own, 'data.bin')))).toBe(sha256(CONTENT));
  await until(() => fixture.relay.stats().splices.active === 0, 'all to be over');
  sender.kill('SIGTERM');
  expect(await sender.exit).toBe(0);
});

test('without --many, a second one meanwhile is refused', async () => {
  const { fixture, env, send, receive } = await start();
  const sender = await send();
  const proxy = await TcpProxy.start(fixture.url);
  const slow = new CliProcess(['receive', 'data', '--out', inbox, '--relay', proxy.url], { env });
  await until(() => proxy.counters.toPeerBytes > MIB, 'the file to be under way', PATIENCE_MS);
  proxy.hold('toPeer');
  expect(await receive()).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^trunkline: REFUSED: .*\(BUSY\)\n$/),
  });
  proxy.release('toPeer');
  expect(await Promise.all([slow.exit, sender.exit])).toEqual([0, 0]);
  await proxy.close();
});

test('what cannot be is exit code 1 before anything is dialed, what makes no sense 2', async () => {
  const run = (...args: string[]) => runCli([...args, '--relay', 'ws://127.0.0.1:1']);
  expect(await run('send', join(folder, 'none'), '--as', 'x')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^trunkline: ENOENT: [^\n]+\n$/),
  });
  expect(await run('send', folder, '--as', 'x')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/is not a file\n$/),
  });
  expect(await run('receive', 'x', '--out', file)).toMatchObject({
    code: 1,
    stderr: `trunkline: --out ${JSON.stringify(file)} is not a folder\n`,
  });
  const missing = join(folder, 'none');
  expect(await run('receive', 'x', '--out', missing)).toMatchObject({
    code: 1,
    stderr: `trunkline: --out ${JSON.stringify(missing)} cannot be used: ENOENT: no such file or directory\n`,
  });
  expect(await run('send', file)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^trunkline: --as NAME is missing/),
  });
  expect(await run('send', '--as', 'x')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^trunkline: FILE is missing/),
  });
  expect(await run('receive')).toMatchObject({ code: 2, stderr: expect.stringMatching(/^trunkline: NAME is missing/) });
});
