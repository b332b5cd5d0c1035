import { expect, it } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

it("a stream of relay.connect outlives its listener's connection", async () => {
  const fixture = await startRelay();
  const proxy = await TcpProxy.start(fixture.url);
  fixture.alsoClose.push(() => proxy.close());
  await fixture.listen('NAME', (stream) => void stream.pipe(stream), {}, fixture.dial({}, proxy.url));
  const stream = fixture.relay.connect('NAME');
  await stream.opened;

  proxy.cut();
  await until(() => stream.suspended, 'the stream to be suspended');
  await until(() => !stream.suspended, 'the stream to be carried on');
  const echoed = new Promise((resolve) => stream.once('data', resolve));
  stream.end('still there');
  expect(String(await echoed)).toBe('still there');
  await new Promise((resolve) => stream.once('close', resolve));
});
