import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { connectTunnel } from '../../src/index.js';
import { ProxyError } from '../../src/node/proxy-agent.js';
import { ConnectProxy, type ConnectProxyOptions } from '../support/connect-proxy.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { cleanUpAfterEach } from './echo-fixture.js';
import { ownEnvironment, startProxy } from './proxy-fixture.js';

checkLeaksAfterEach();
cleanUpAfterEach();
ownEnvironment();

/** The proxy goes when nothing needs it any more. */
async function startBoth(options?: ConnectProxyOptions): Promise<{ fixture: RelayFixture; proxy: ConnectProxy }> {
  const [fixture, proxy] = await Promise.all([startRelay(), ConnectProxy.start(options)]);
  fixture.alsoClose.push(() => proxy.close());
  return { fixture, proxy };
}

describe('a tunnel through a proxy', () => {
  it('carries streams, and dials through it again when it is cut', async () => {
    const { fixture, proxy } = await startBoth({ credentials: 'me:secret' });
    const client = fixture.dial({ proxy: proxy.urlFor('me', 'secret') });
    const streams = await fixture.pair('NAME', { client });
    const received: Buffer[] = [];
    streams.server.on('data', (bytes: Buffer) => received.push(bytes));
    const sent = seededBytes(11, 0, 5_000_000);
    streams.client.write(sent.subarray(0, 2_000_000));
    await until(() => received.length > 0, 'the first bytes');
    proxy.cut();
    streams.client.end(sent.subarray(2_000_000));
    streams.server.end();
    streams.client.resume();
    await Promise.all([once(streams.server, 'end'), once(streams.client, 'close')]);
    expect(Buffer.concat(received).equals(sent)).toBe(true);
    expect(proxy.tunnels).toBe(2);
  });

  it('waits out a proxy that cannot serve it for a while', async () => {
    const { fixture, proxy } = await startBoth();
    const client = fixture.dial({ proxy: proxy.url });
    await client.opened;
    proxy.refuse(503);
    proxy.cut();
    await until(() => proxy.asked.length > 1, 'another dial');
    expect(client.state).toBe('suspended');
    proxy.answer = undefined;
    await until(() => client.state === 'open', 'an open tunnel');
  });

  it.each([
    [407, 'UNAUTHENTICATED'],
    [403, 'FORBIDDEN'],
    [502, 'CONNECTION_LOST'],
  ])('ends, if the first dial is refused with %i, with %s', async (status, code) => {
    const proxy = await startProxy();
    proxy.refuse(status);
    const tunnel = connectTunnel('wss://relay.test', { proxy: proxy.url });
    const error = await tunnel.closed;
    expect(error).toMatchObject({ code, message: expect.stringContaining(`${proxy.authority} refused`) });
    expect(error.cause).toBeInstanceOf(ProxyError);
  });

  it('ends for good when the proxy no longer lets it through', async () => {
    const { fixture, proxy } = await startBoth();
    const client = fixture.dial({ proxy: proxy.url });
    await client.opened;
    proxy.refuse(403);
    proxy.cut();
    expect(await client.closed).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('has a deadline for a proxy that does not answer, and leaves nothing open', async () => {
    const proxy = await startProxy();
    proxy.hang();
    const tunnel = connectTunnel('ws://relay.test', { proxy: proxy.url, handshakeTimeoutMs: 50 });
    expect(await tunnel.closed).toMatchObject({ code: 'HANDSHAKE_TIMEOUT' });
    await until(() => proxy.openSockets === 0, 'that nobody waits there');
  });

  it('is not made if that is no proxy', async () => {
    expect(() => connectTunnel('ws://relay.test', { proxy: 'socks5://me:secret@proxy.test' })).toThrow(
      new TypeError("a proxy's URL starts with http: or https:, not socks5:"),
    );
  });
});
