// Exchanges whose ends are pages.
import { expect, type Page } from '@playwright/test';
import type { TunnelStream } from 'trunkline';
import type { ExchangeOptions, ExchangeResult } from './exchange.js';

export const MIB = 1024 * 1024;

export interface PageEnd {
  page: Page;
  options: ExchangeOptions;
  /** In place of the relay that the page comes from. */
  relayUrl?: string | undefined;
}

export interface PageExchange {
  listenerResult: () => Promise<ExchangeResult>;
  clientResult: () => Promise<ExchangeResult>;
}

/** A page that listens on `name` and answers its first stream with an exchange. */
export function listenInPage(name: string, end: PageEnd): Promise<() => Promise<ExchangeResult>> {
  return startInPage('listener', name, end);
}

/** A page that connects to `name`; resolves with its result. */
export async function connectInPage(name: string, end: PageEnd): Promise<ExchangeResult> {
  return await (await startInPage('client', name, end))();
}

/** Between two pages; resolves once it has begun. */
export async function startExchange(listener: PageEnd, client: PageEnd): Promise<PageExchange> {
  const listenerResult = await listenInPage('PAGE', listener);
  return { listenerResult, clientResult: await startInPage('client', 'PAGE', client) };
}

async function startInPage(
  role: 'listener' | 'client',
  name: string,
  { page, options, relayUrl = '/trunkline' }: PageEnd,
): Promise<() => Promise<ExchangeResult>> {
  await page.evaluate(
    async ({ role, name, options, relayUrl }) => {
      const { kept, trunkline } = window;
      kept.progress = new window.ExchangeProgress(options.allowedBytes);
      kept.tunnel = trunkline.connectTunnel(relayUrl);
      let start!: (stream: TunnelStream) => void;
      // A listener can be asked for its result before it has a stream.
      kept.result = new Promise((resolve) => {
        start = (stream) => {
          kept.stream = stream;
          resolve(window.exchange(stream, options, kept.progress));
        };
      });
      if (role === 'client') start(trunkline.StreamClient(kept.tunnel).connect(name));
      else await trunkline.StreamServer(kept.tunnel, start).listen(name).ready;
    },
    { role, name, options, relayUrl },
  );
  return () => page.evaluate(() => window.kept.result);
}

/** Once the page has so many bytes of the exchange. */
export async function received(page: Page, bytes: number): Promise<void> {
  // Not by animation frames, which Playwright waits for by itself: a page behind others has none.
  await page.waitForFunction((wanted) => window.kept.progress.receivedBytes >= wanted, bytes, { polling: 10 });
}

/** Once the page's stream has lost its connection. */
export async function suspended(page: Page): Promise<void> {
  await page.waitForFunction(() => window.kept.stream.suspended, undefined, { polling: 10 });
}

/** Lets the page write on, up to so many bytes. */
export async function allow(page: Page, bytes = Number.MAX_SAFE_INTEGER): Promise<void> {
  await page.evaluate((allowedBytes) => window.kept.progress.allow(allowedBytes), bytes);
}

/** Bytes that the page has of the exchange. */
export function receivedBytes(page: Page): Promise<number> {
  return page.evaluate(() => window.kept.progress.receivedBytes);
}

/** Waits for the end of an exchange: every byte is there, once, at both sides. */
export async function finishExchange({ listenerResult, clientResult }: PageExchange) {
  const results = { listener: await listenerResult(), client: await clientResult() };
  expectAllArrived(results.listener, results.client);
  return results;
}

/** Every byte of an exchange is there, once, at both sides. */
export function expectAllArrived(listener: ExchangeResult, client: ExchangeResult): void {
  for (const side of [listener, client]) {
    expect(side.firstWrongOffset).toBe(-1);
    expect([...side.events].sort()).toEqual(['close', 'end', 'finish']);
    expect(side.events.at(-1)).toBe('close');
  }
  expect(listener.receivedBytes).toBe(client.sentBytes);
  expect(client.receivedBytes).toBe(listener.sentBytes);
  expect(listener.receivedSha256).toBe(client.sentSha256);
  expect(client.receivedSha256).toBe(listener.sentSha256);
}
