import { RelayProcess } from '../test/support/relay-process.js';
import { TcpProxy } from '../test/support/tcp-proxy.js';
import type { ExchangeOptions } from './exchange.js';
import { expect, test } from './fixtures.js';
import { allow, finishExchange, MIB, received, receivedBytes, startExchange, suspended } from './page-exchange.js';

const BYTES = 100 * MIB;
/** So far until what is to happen has happened. */
const STEP_BYTES = 20 * MIB;
const BYTES_BACK = 20 * MIB;
const OF_LISTENER: ExchangeOptions = {
  bytes: BYTES,
  peerBytes: BYTES_BACK,
  seed: 33,
  peerSeed: 44,
  allowedBytes: STEP_BYTES,
};
const OF_CLIENT: ExchangeOptions = { bytes: BYTES_BACK, peerBytes: BYTES, seed: 44, peerSeed: 33 };
const OFFLINE_MS = 10_000;
/** RELAY_KILLS=20 is the long version, run by hand. */
const KILLS = Number(process.env.RELAY_KILLS ?? 4);

test.describe('100 MiB between two pages outlive', () => {
  test('10 s without a network: sockets that stall, and sockets that are cut', async ({ relayed, openPage }) => {
    const proxy = await TcpProxy.start(relayed.url);
    const listener = await openPage();
    const client = await openPage();
    const exchange = await startExchange(
      { page: listener, options: OF_LISTENER },
      { page: client, options: OF_CLIENT, relayUrl: proxy.url },
    );
    await received(client, 5 * MIB);

    proxy.refuse();
    proxy.cut();
    await suspended(client);
    // Chromium's own switch fails new connections; bytes on open WebSockets wait until it is switched back.
    await Promise.all([client.context().setOffline(true), listener.context().setOffline(true)]);
    proxy.admit();
    const before = await receivedBytes(client);
    await new Promise((resolve) => setTimeout(resolve, OFFLINE_MS));
    expect(await client.evaluate(() => window.kept.stream.suspended)).toBe(true);
    expect(await receivedBytes(client)).toBe(before);
    await allow(listener);
    await Promise.all([client.context().setOffline(false), listener.context().setOffline(false)]);

    await finishExchange(exchange);
    await proxy.close();
  });

  test('a relay that is killed again and again', async ({ openPage, relayed }) => {
    test.setTimeout(30_000 + KILLS * 15_000);
    const relay = await RelayProcess.start({ origins: [relayed.origin] });
    const listener = await openPage();
    const client = await openPage();
    const bytes = Math.max(BYTES, (KILLS + 1) * STEP_BYTES);
    const exchange = await startExchange(
      { page: listener, options: { ...OF_LISTENER, bytes }, relayUrl: relay.url },
      { page: client, options: { ...OF_CLIENT, peerBytes: bytes }, relayUrl: relay.url },
    );
    for (let kills = 0; kills < KILLS; kills++) {
      await received(client, kills * STEP_BYTES + 2 * MIB);
      await relay.kill();
      await Promise.all([suspended(client), suspended(listener)]);
      await relay.restart();
      await allow(listener, (kills + 2) * STEP_BYTES);
    }
    const results = await finishExchange(exchange);
    for (const { suspensions } of Object.values(results)) expect(suspensions).toBeGreaterThanOrEqual(KILLS);
    await relay.close();
  });
});
