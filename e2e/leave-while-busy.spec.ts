import type { Page } from '@playwright/test';
import type { ExchangeOptions } from './exchange.js';
import { expect, listenInPage, received, startInPage, test } from './fixtures.js';

const MIB = 1024 * 1024;
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
      await listenInPage(listener, 'PAGE', downloads);
      const result = await startInPage(client, 'PAGE', serves);
      await received(listener, 5 * MIB);
      await leaving[leave](listener);
      expect((await result()).events).toContainEqual(expect.stringMatching(/^error LISTENER_GONE/));
    });

    test(`a connecting page, ${leave}`, async ({ openPage }) => {
      const [listener, client] = [await openPage(), await openPage()];
      const result = await listenInPage(listener, 'PAGE', serves);
      await startInPage(client, 'PAGE', downloads);
      await received(client, 5 * MIB);
      await leaving[leave](client);
      expect((await result()).events).toContainEqual(expect.stringMatching(/^error TUNNEL_CLOSED/));
    });
  }
});
