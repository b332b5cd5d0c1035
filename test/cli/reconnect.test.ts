/** Commands whose relay is killed and started anew while they work. */
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import type { TunnelStream } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { RelayProcess } from '../support/relay-process.js';
import { readSeeded, seededReadable, seededSha256 } from '../support/seeded-bytes.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { deferred } from '../support/until.js';
import { buildCli, CliProcess } from './cli-process.js';

const LENGTH = 32 * 2 ** 20;
const SEED = 7;

let relay: RelayProcess | undefined;
checkLeaksAfterEach();
buildCli();
afterEach(async () => {
  if (relay) expect(await relay.close()).toBe(0);
  relay = undefined;
});

/** Kills the relay in the middle of what the client sends, and starts another one; resolves with what both said. */
async function transferOverTwoRelays(...flags: string[]): Promise<string[]> {
  const current = await RelayProcess.start();
  relay = current;
  const start = (command: string): CliProcess => new CliProcess([command, 'bulk', '--relay', current.url, ...flags]);
  const listener = start('listen');
  const client = new CliProcess(['connect', 'bulk', '--wait', '60', '--relay', current.url, ...flags]);
  seededReadable(SEED, LENGTH).pipe(client.stdin);
  listener.stdin.end();
  let killed: Promise<void> | undefined;
  let arrived = 0;
  listener.stdout.on('data', (chunk) => {
    arrived += chunk.length;
    if (arrived > LENGTH / 4) killed ??= current.kill().then(() => current.restart());
  });
  const { sha256 } = await readSeeded(listener.stdout, SEED);
  expect(sha256).toBe(seededSha256(SEED, LENGTH));
  expect(killed).toBeDefined();
  expect(await Promise.all([listener.exit, client.exit])).toEqual([0, 0]);
  await killed;
  return [listener.stderr, client.stderr];
}

test('a transfer goes on, and standard error tells why it took longer', async () => {
  const [listener, client] = await transferOverTwoRelays();
  const said = 'trunkline: connection lost, reconnecting\ntrunkline: connected again\n';
  expect(listener).toBe(`trunkline: listening on bulk\n${said}`);
  expect(client).toBe(said);
});

test('--quiet tells nothing', async () => {
  expect(await transferOverTwoRelays('--quiet')).toEqual(['', '']);
});

test('a command that has everything stays until the other end knows it, over another connection if need be', async () => {
  const fixture = await startRelay();
  const proxy = await TcpProxy.start(fixture.url);
  fixture.alsoClose.push(() => proxy.close());
  const accepted = deferred<TunnelStream>();
  await fixture.listen('last', accepted.resolve);
  const client = new CliProcess(['connect', 'last', '--relay', proxy.url]);
  client.stdin.end('question');
  const stream = await accepted.promise;
  await once(stream.resume(), 'end');
  // Nothing that the client says comes through any more: not that it has the answer, and no goodbye.
  proxy.blackHole('toRelay');
  stream.end('answer');
  const finished = once(stream, 'finish');
  expect(String(await client.output())).toBe('answer');
  proxy.heal();
  proxy.cut();
  await finished;
  expect(await client.exit).toBe(0);
  expect(client.stderr).toBe('trunkline: connection lost, reconnecting\ntrunkline: connected again\n');
});
