import { StreamClient, StreamServer } from 'trunkline';
import { expect, test } from './fixtures.js';

/** What a page learns of a stream that fails, as plain data. */
interface Failure {
  code: string;
  appCode?: string | undefined;
  message: string;
  retryable: boolean;
  isTrunklineError: boolean;
}

test('a page learns the same codes as Node', async ({ relayed, openPage }) => {
  await StreamServer(relayed.dial(), { accept: () => ({ code: 'BUSY', text: 'not now' }) }).listen('REFUSES').ready;
  const page = await openPage();
  const failures = await page.evaluate(async () => {
    const { connectTunnel, StreamClient, StreamServer, TrunklineError } = window.trunkline;
    const tunnel = connectTunnel('/trunkline');
    const describe = (error: unknown): Failure => {
      const { code, appCode, message, retryable } = error as InstanceType<typeof TrunklineError>;
      return { code, appCode, message, retryable, isTrunklineError: error instanceof TrunklineError };
    };
    const failureOf = (promise: Promise<unknown>) => promise.then(() => undefined, describe);
    const thrownBy = (action: () => unknown) => {
      try {
        action();
        return undefined;
      } catch (error) {
        return describe(error);
      }
    };
    return {
      unknown: await failureOf(StreamClient(tunnel).connect('NOBODY').opened),
      refused: await failureOf(StreamClient(tunnel).connect('REFUSES').opened),
      taken: await failureOf(StreamServer(tunnel, () => {}).listen('REFUSES').ready),
      badName: thrownBy(() => StreamClient(tunnel).connect('no spaces')),
      tooLarge: thrownBy(() => StreamClient(tunnel).connect('REFUSES', { meta: 'x'.repeat(9000) })),
    };
  });
  expect(failures.unknown).toMatchObject({ code: 'NO_LISTENER', retryable: true, isTrunklineError: true });
  expect(failures.refused).toMatchObject({ code: 'REFUSED', appCode: 'BUSY', message: 'not now', retryable: false });
  expect(failures.taken).toMatchObject({ code: 'NAME_TAKEN' });
  expect(failures.badName).toMatchObject({ code: 'BAD_NAME' });
  expect(failures.tooLarge).toMatchObject({ code: 'LIMIT_BYTES' });
});

test('a listening page that is closed, or reloaded, is a typed error at the client, and its name is free', async ({
  relayed,
  openPage,
}) => {
  for (const leave of ['close', 'reload'] as const) {
    const page = await openPage();
    await page.evaluate(async () => {
      const tunnel = window.trunkline.connectTunnel('/trunkline');
      await window.trunkline.StreamServer(tunnel, (stream) => stream.write('hello')).listen('TAB').ready;
    });
    const stream = StreamClient(relayed.dial()).connect('TAB');
    await new Promise((resolve) => stream.once('data', resolve));
    const failed = new Promise<Error & { code?: string }>((resolve) => stream.once('error', resolve));
    const destroyed = new Promise((resolve) => relayed.relay.once('server.destroyed', resolve));
    await page[leave]();
    expect((await failed).code).toBe('LISTENER_GONE');
    expect(await destroyed).toBe('TAB');
  }
});

test('the ESM bundle works as a module of a page', async ({ relayed, openPage }) => {
  StreamServer(relayed.dial(), (stream) => stream.pipe(stream)).listen('ECHO');
  const page = await openPage();
  const answer = await page.evaluate(async () => {
    const url = '/trunkline/trunkline.esm.js';
    const { connectTunnel, StreamClient } = (await import(url)) as typeof import('trunkline');
    const stream = StreamClient(connectTunnel('/trunkline')).connect('ECHO', { waitMs: 5_000 });
    stream.end('over and back');
    let text = '';
    for await (const chunk of stream) text += chunk;
    return text;
  });
  expect(answer).toBe('over and back');
});
