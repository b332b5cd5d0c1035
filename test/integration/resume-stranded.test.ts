import { expect, it } from 'vitest';
import { connectTunnel, StreamClient } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

it('two ends that came back at different relays meet again: who waits in vain goes on to the next address', async () => {
  const first = await startRelay();
  const second = await startRelay();
  const proxy = await TcpProxy.start(first.url);
  first.alsoClose.push(() => proxy.close());
  const client = connectTunnel([proxy.url, second.url]);
  first.tunnels.push(client);
  await first.listen('NAME', (stream) => void stream.pipe(stream));
  const stream = StreamClient(client).connect('NAME');
  await stream.opened;

  // Only the client finds the first relay closed: it goes to the second, where the listener never comes.
  proxy.refuse();
  proxy.cut();
  await until(() => second.relay.stats().resumes.pending === 1, 'the stream to wait at the second relay');
  expect(stream.suspended).toBe(true);
  proxy.admit();
  await until(() => !stream.suspended, 'the stream to be carried on at the first relay');
  const echoed = new Promise((resolve) => stream.once('data', resolve));
  stream.end('still the same stream');
  expect(String(await echoed)).toBe('still the same stream');
  await new Promise((resolve) => stream.once('close', resolve));
  expect(first.relay.stats().resumes.matched).toBe(1);
});
