import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, test as base, type Download, expect, type Page } from '@playwright/test';
import { DemoProcess } from './demo-process.js';

const FILE_BYTES = 24 * 1024 * 1024;
/** Takes seconds, so that something can happen in the middle. */
const SLOW_FILE_BYTES = 96 * 1024 * 1024;
const LARGE_FILE_BYTES = 240 * 1024 * 1024;

const RESUME_WINDOW_MS = 120_000;
/** For a page to dial again: the later the more often it has failed. */
const PATIENCE_MS = 20_000;

interface Fixtures {
  /** The demo as `npm start` runs it. */
  demo: DemoProcess;
  /** A page in a browser context of its own: another person's browser. */
  visit(url: string): Promise<Page>;
  /** Makes a file of random bytes. */
  makeFile(bytes: number): Promise<{ path: string; sha256: string }>;
}

const test = base.extend<Fixtures>({
  demo: async ({ playwright: _ }, use) => {
    const demo = await DemoProcess.start();
    await use(demo);
    await demo.stop();
  },
  visit: async ({ browser }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (url) => {
      const context = await browser.newContext();
      contexts.push(context);
      // The native save dialog cannot be answered by a test; without it the page falls back to an ordinary download.
      await context.addInitScript(() => Reflect.deleteProperty(window, 'showSaveFilePicker'));
      const page = await context.newPage();
      page.on('pageerror', (error) => {
        throw error;
      });
      await page.goto(url);
      return page;
    });
    for (const context of contexts) await context.close();
  },
  makeFile: async ({ playwright: _ }, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'trunkline-demo-'));
    await use(async (size) => {
      const path = join(folder, 'holiday.mov');
      const bytes = randomBytes(size);
      await writeFile(path, bytes);
      return { path, sha256: createHash('sha256').update(bytes).digest('hex') };
    });
    await rm(folder, { recursive: true });
  },
});

/** Picks a file on the sender's page; resolves with the link that it shows. */
async function share(page: Page, path: string): Promise<string> {
  await page.getByTestId('file-input').setInputFiles(path);
  await expect(page.getByTestId('sender')).toHaveAttribute('data-state', 'online');
  return await page.getByTestId('share-link').inputValue();
}

function fractionOf(page: Page): Promise<number> {
  return page.getByTestId('progress').evaluate((bar) => (bar as HTMLProgressElement).value);
}

async function sha256Of(download: Download): Promise<string> {
  return createHash('sha256')
    .update(await readFile(await download.path()))
    .digest('hex');
}

async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `.cache/e2e/pictures/${name}.png` });
}

test('a file dropped in one browser is downloaded in another, from the first page', async ({
  demo,
  visit,
  makeFile,
}) => {
  const file = await makeFile(FILE_BYTES);
  const sender = await visit(demo.url);
  await picture(sender, 'sender-idle');
  const link = await share(sender, file.path);
  await picture(sender, 'sender-sharing');

  const receiver = await visit(link);
  await expect(receiver.getByTestId('offer-name')).toHaveText('holiday.mov');
  await picture(receiver, 'receiver-offer');
  const download = receiver.waitForEvent('download');
  await receiver.getByTestId('download').click();
  expect(await sha256Of(await download)).toBe(file.sha256);

  await expect(receiver.getByTestId('checksum-result')).toContainText(/match/i);
  await expect(receiver.getByTestId('checksum-sender')).toHaveText(file.sha256);
  await expect(receiver.getByTestId('checksum-receiver')).toHaveText(file.sha256);
  await expect(sender.getByTestId('download-row')).toHaveAttribute('data-state', 'done');
  await expect(sender.getByTestId('row-status')).toContainText(/checksums match/i);
  await picture(receiver, 'receiver-done');
  await picture(sender, 'sender-done');
});

test('a sender that declines is shown in plain words', async ({ demo, visit, makeFile }) => {
  const file = await makeFile(FILE_BYTES);
  const sender = await visit(demo.url);
  const link = await share(sender, file.path);
  await sender.getByTestId('ask-toggle').check();
  const receiver = await visit(link);
  await receiver.getByTestId('download').click();
  await sender.getByTestId('row-decline').click();
  await expect(receiver.getByTestId('failure-title')).toContainText(/declined/i);
  await picture(receiver, 'receiver-declined');
});

test('a sender that vanishes in the middle of a download is shown in plain words', async ({
  demo,
  visit,
  makeFile,
}) => {
  const sender = await visit(demo.url);
  const receiver = await visit(await share(sender, (await makeFile(LARGE_FILE_BYTES)).path));
  await receiver.getByTestId('download').click();
  await expect(receiver.getByTestId('receiver')).toHaveAttribute('data-state', 'receiving');
  await picture(receiver, 'receiver-in-progress');
  await sender.close();
  await expect(receiver.getByTestId('failure')).toBeVisible();
  await expect(receiver.getByTestId('failure-code')).toContainText('LISTENER_GONE');
  await picture(receiver, 'receiver-sender-gone');
});

test('a receiver that vanishes in the middle is shown to the sender, who goes on sharing', async ({
  demo,
  visit,
  makeFile,
}) => {
  const sender = await visit(demo.url);
  const receiver = await visit(await share(sender, (await makeFile(LARGE_FILE_BYTES)).path));
  await receiver.getByTestId('download').click();
  const row = sender.getByTestId('download-row');
  await expect(row).toHaveAttribute('data-state', 'sending');
  await picture(sender, 'sender-in-progress');
  await receiver.close();
  await expect(row).toHaveAttribute('data-state', 'failed');
  await expect(sender.getByTestId('sender')).toHaveAttribute('data-state', 'online');
});

test('an unknown link is shown in plain words', async ({ demo, visit }) => {
  const receiver = await visit(`${demo.url}#nobody-shares-this`);
  await expect(receiver.getByTestId('failure-code')).toContainText('NO_LISTENER');
  await expect(receiver.getByTestId('failure-text')).toContainText(/sender/i);
  await picture(receiver, 'receiver-unknown-link');
});

test('a download goes on when the server is killed and started again; the link stays the same', async ({
  demo,
  visit,
  makeFile,
}) => {
  const file = await makeFile(SLOW_FILE_BYTES);
  const sender = await visit(demo.url);
  const link = await share(sender, file.path);
  const receiver = await visit(link);
  const download = receiver.waitForEvent('download');
  await receiver.getByTestId('download').click();
  const row = sender.getByTestId('download-row');
  await expect.poll(() => fractionOf(receiver)).toBeGreaterThan(0.05);

  await demo.kill();
  await expect(sender.getByTestId('share-state')).toHaveText('Reconnecting…', { useInnerText: true });
  await expect(sender.getByTestId('row-status')).toHaveText('Reconnecting…');
  await expect(receiver.getByTestId('reconnecting')).toBeVisible();
  await picture(sender, 'sender-reconnecting');
  await picture(receiver, 'receiver-reconnecting');
  const before = await fractionOf(receiver);
  expect(before).toBeLessThan(1);

  await demo.restart();
  await expect(sender.getByTestId('share-state')).toHaveText('Online', { useInnerText: true, timeout: PATIENCE_MS });
  await expect(receiver.getByTestId('reconnecting')).toBeHidden({ timeout: PATIENCE_MS });
  expect(await fractionOf(receiver)).toBeGreaterThanOrEqual(before);
  expect(await sha256Of(await download)).toBe(file.sha256);
  await expect(row).toHaveAttribute('data-state', 'done');
  await expect(row.getByTestId('row-status')).toContainText(/checksums match/i);

  const late = await visit(link);
  await expect(late.getByTestId('offer-name')).toHaveText('holiday.mov');
});

test('a server that stops ends cleanly with pages open, which say so when it does not come back', async ({
  demo,
  visit,
  makeFile,
}) => {
  const file = await makeFile(FILE_BYTES);
  const sender = await visit(demo.url);
  const receiver = await visit(await share(sender, file.path));
  await expect(receiver.getByTestId('download')).toBeEnabled();
  for (const page of [sender, receiver]) await page.clock.install();
  expect(await demo.stop()).toBe(0);
  await expect(sender.getByTestId('sender')).toHaveAttribute('data-state', 'reconnecting');
  await expect(receiver.getByTestId('download')).toBeDisabled();

  for (const page of [sender, receiver]) await page.clock.fastForward(RESUME_WINDOW_MS);
  await expect(sender.getByTestId('share-failure-code')).toContainText('RESUME_EXPIRED');
  await expect(receiver.getByTestId('failure-code')).toContainText('RESUME_EXPIRED');
  await picture(sender, 'sender-offline');
  await picture(receiver, 'receiver-offline');
});
