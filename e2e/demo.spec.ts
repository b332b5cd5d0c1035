import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Download, expect, type Page } from '@playwright/test';
import { pickFile, test } from './demo-fixtures.js';

const FILE_BYTES = 24 * 1024 * 1024;
/** Takes seconds, so that something can happen in the middle. */
const SLOW_FILE_BYTES = 96 * 1024 * 1024;
const LARGE_FILE_BYTES = 240 * 1024 * 1024;

const RESUME_WINDOW_MS = 120_000;
/** For a page to dial again: the later the more often it has failed. */
const PATIENCE_MS = 20_000;

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
  const link = await pickFile(sender, file.path);
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

test('a sender that declines is shown in plain words', async ({ visit, share }) => {
  const { sender, link } = await share(FILE_BYTES);
  await sender.getByTestId('ask-toggle').check();
  const receiver = await visit(link);
  await receiver.getByTestId('download').click();
  await sender.getByTestId('row-decline').click();
  await expect(receiver.getByTestId('failure-title')).toContainText(/declined/i);
  await picture(receiver, 'receiver-declined');
});

test('a sender that vanishes in the middle of a download is shown in plain words', async ({ visit, share }) => {
  const { sender, link } = await share(LARGE_FILE_BYTES);
  const receiver = await visit(link);
  await receiver.getByTestId('download').click();
  await expect(receiver.getByTestId('receiver')).toHaveAttribute('data-state', 'receiving');
  await picture(receiver, 'receiver-in-progress');
  await sender.close();
  await expect(receiver.getByTestId('failure')).toBeVisible();
  await expect(receiver.getByTestId('failure-code')).toContainText('LISTENER_GONE');
  await picture(receiver, 'receiver-sender-gone');
});

test('a receiver that vanishes in the middle is shown to the sender, who goes on sharing', async ({ visit, share }) => {
  const { sender, link } = await share(LARGE_FILE_BYTES);
  const receiver = await visit(link);
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
  share,
}) => {
  const { sender, link, sha256 } = await share(SLOW_FILE_BYTES);
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
  expect(await sha256Of(await download)).toBe(sha256);
  await expect(row).toHaveAttribute('data-state', 'done');
  await expect(row.getByTestId('row-status')).toContainText(/checksums match/i);

  const late = await visit(link);
  await expect(late.getByTestId('offer-name')).toHaveText('holiday.mov');
});

test('a server that stops ends cleanly with pages open, which say so when it does not come back', async ({
  demo,
  visit,
  share,
}) => {
  const { sender, link } = await share(FILE_BYTES);
  const receiver = await visit(link);
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
