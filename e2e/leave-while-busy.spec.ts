import type { Page } from '@playwright/test';
import type { ExchangeOptions } from './exchange.js';
import { expect, test } from './fixtures.js';
import { MIB, received, startExchange } from './page-exchange.js';

const BYTES = 50 * MIB;

test.describe('the other side learns at once of a page that is left or reloaded while it downloads', () => {
  const downloads: ExchangeOptions = { bytes: 1000, peerBytes: BYTES, seed: 77, peerSeed: 88 };
  const serves: ExchangeOptions = { bytes: BYTES, peerBytes: 1000, seed: 88, peerSeed: 77 };

  const leaving = {
    left: (page: Page) => page.goto('about:blank'),
    reloaded: (page: Page) => page.reload(),
  };

  for (const leave of ['left', 'reloaded'] as const) {
    test(`a listening page, ${leave}`, async ({ openPage }) => {
      const [listener, client] = [await openPage(), await openPage()];
      const { clientResult } = await startExchange(
        { page: listener, options: downloads },
        { page: client, options: serves },
      );
      await received(listener, 5 * MIB);
      await leaving[leave](listener);
      expect((await clientResult()).events).toContainEqual(expect.stringMatching(/^error LISTENER_GONE/));
    });

    test(`a connecting page, ${leave}`, async ({ openPage }) => {
      const [listener, client] = [await openPage(), await openPage()];
      const { listenerResult } = await startExchange(
        { page: listener, options: serves },
        { page: client, options: downloads },
      );
      await received(client, 5 * MIB);
      await leaving[leave](client);
      expect((await listenerResult()).events).toContainEqual(expect.stringMatching(/^error TUNNEL_CLOSED/));
    });
  }
});
