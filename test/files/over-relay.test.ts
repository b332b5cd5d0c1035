/** Files over streams of tunnels, through a relay, over sockets that break. */
import { describe, expect, test } from 'vitest';
import { receiveFile, sendFile, type Tunnel } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';
import { failure, failures } from './outcome.js';
import { RecordingFile } from './recording-file.js';
import { seededFile } from './seeded-file.js';
import { removeFoldersAfterEach, TempFolder } from './temp-folder.js';

checkLeaksAfterEach();
removeFoldersAfterEach();

const SIZE = 12_000_000;
const bytes = seededBytes(21, 0, SIZE);

async function pair(): Promise<{ fixture: RelayFixture; near: Duplexes['client']; far: Duplexes['server'] }> {
  const fixture = await startRelay();
  const { client, server } = await fixture.pair();
  return { fixture, near: client, far: server };
}

type Duplexes = Awaited<ReturnType<RelayFixture['pair']>>;

async function overProxy(): Promise<{ proxy: TcpProxy; tunnel: Tunnel } & Duplexes> {
  const fixture = await startRelay();
  const proxy = await TcpProxy.start(fixture.url);
  fixture.alsoClose.push(() => proxy.close());
  const tunnel = fixture.dial({}, proxy.url);
  return { proxy, tunnel, ...(await fixture.pair('PAIR', { client: tunnel })) };
}

test('a path, from the listener to the client and back', async () => {
  const folder = new TempFolder();
  const source = folder.write('source.bin', bytes);
  const { fixture, near, far } = await pair();
  await Promise.all([sendFile(far, source), receiveFile(near, folder.at('copy'))]);
  const { client, server } = await fixture.pair('AGAIN');
  const [sent] = await Promise.all([sendFile(client, folder.at('copy')), receiveFile(server, folder.at('copy 2'))]);
  expect(folder.read('copy 2').equals(bytes)).toBe(true);
  expect(sent).toMatchObject({ name: 'copy', sizeBytes: SIZE });
  await until(() => [near, far, client, server].every(({ closed }) => closed), 'all streams to be closed');
  expect([near, far, client, server].map(({ errored }) => errored)).toEqual([null, null, null, null]);
});

test('the connection is cut, and cut again: the file goes on by itself', async () => {
  const folder = new TempFolder();
  const { proxy, client, server } = await overProxy();
  let suspensions = 0;
  client.on('suspend', () => suspensions++);
  const cutsAt = [1, 6_000_000];
  const [sent] = await Promise.all([
    sendFile(client, seededFile(21, SIZE, 'source.bin')),
    receiveFile(server, folder.at('copy'), {
      onProgress: ({ receivedBytes }) => {
        if (receivedBytes < (cutsAt[0] ?? Number.POSITIVE_INFINITY)) return;
        cutsAt.shift();
        proxy.cut();
      },
    }),
  ]);
  expect([sent.resumedBytes, cutsAt]).toEqual([0, []]);
  expect(suspensions).toBe(2);
  expect(folder.read('copy').equals(bytes)).toBe(true);
});

test('the tunnel is closed in the middle: both ends are told, and another stream goes on', async () => {
  const folder = new TempFolder();
  const source = folder.write('source.bin', bytes);
  const { fixture, near, far } = await pair();
  const received = receiveFile(far, folder.at('copy'), {
    onProgress: ({ receivedBytes }) => receivedBytes > 2_000_000 && fixture.tunnels[0]?.close(),
  });
  const { sender, receiver } = await failures([near, far], sendFile(near, source), received);
  expect([sender.code, receiver.code]).toEqual(['TUNNEL_CLOSED', 'TUNNEL_CLOSED']);
  expect(folder.names()).toEqual(['copy.part', 'source.bin']);
  const partBytes = folder.read('copy.part').length;
  expect(partBytes).toBeGreaterThan(2_000_000);

  const again = await fixture.pair('AGAIN', { server: fixture.tunnels[1] as Tunnel });
  const [sent] = await Promise.all([sendFile(again.client, source), receiveFile(again.server, folder.at('copy'))]);
  expect(sent.resumedBytes).toBe(partBytes);
  expect(folder.read('copy').equals(bytes)).toBe(true);
});

describe('the reason crosses', () => {
  test('of a refusal', async () => {
    const { near, far } = await pair();
    const received = receiveFile(far, new RecordingFile(), { accept: () => ({ code: 'FULL', text: 'no room' }) });
    const { sender } = await failures([near, far], sendFile(near, new Blob(['x'])), received);
    expect(sender).toMatchObject({ code: 'REFUSED', appCode: 'FULL', message: 'no room' });
  });

  test('of a disk, without its paths', async () => {
    const folder = new TempFolder();
    const { near, far } = await pair();
    const received = receiveFile(far, folder.at('missing/copy'));
    const { sender, receiver } = await failures([near, far], sendFile(near, new Blob(['x'])), received);
    expect(sender).toMatchObject({ code: 'CANCELED', appCode: 'ENOENT' });
    expect(sender.message).not.toContain(folder.path);
    expect(receiver.message).toContain(folder.path);
  });

  test.each(['sender', 'receiver'] as const)('of an abort by the %s', async (who) => {
    const { near, far } = await pair();
    const abort = new AbortController();
    const sent = sendFile(near, seededFile(21, SIZE, 'source.bin'), who === 'sender' ? { signal: abort.signal } : {});
    const file = new RecordingFile();
    const received = receiveFile(far, file, {
      onProgress: ({ receivedBytes }) => receivedBytes > 1_000_000 && abort.abort(),
      ...(who === 'receiver' ? { signal: abort.signal } : {}),
    });
    const { sender, receiver } = await failures([near, far], sent, received);
    for (const error of [sender, receiver]) {
      expect(error).toMatchObject({ code: 'CANCELED', message: 'the transfer was aborted' });
    }
    expect(file.calls.at(-1)).toBe('abort');
  });

  test('of a sender that is not there', async () => {
    const { near, far } = await pair();
    const sent = failure(sendFile(near, '/nowhere/at/all'));
    const received = failure(receiveFile(far, new RecordingFile()));
    expect((await sent).appCode).toBe('ENOENT');
    expect(await received).toMatchObject({ code: 'CANCELED', appCode: 'ENOENT' });
  });
});

test('a slow receiver slows the sender, and not the tunnel', async () => {
  const { fixture, near, far } = await pair();
  const [client, server] = fixture.tunnels as [Tunnel, Tunnel];
  const file = new RecordingFile();
  const release = file.hold();
  let sentBytes = 0;
  const transfer = Promise.all([
    sendFile(near, seededFile(21, SIZE, 'source.bin'), {
      onProgress: (progress) => {
        sentBytes = progress.sentBytes;
      },
    }),
    receiveFile(far, file),
  ]);
  await until(() => file.calls.length > 0, 'the first write');
  const other = await fixture.pair('OTHER', { client, server });
  const otherFile = new RecordingFile();
  await Promise.all([sendFile(other.client, new Blob(['hello'])), receiveFile(other.server, otherFile)]);
  expect(otherFile.bytes.toString()).toBe('hello');
  // The window at first is 256 KiB, and nobody reads it; Node's buffers and our chunks come on top.
  expect(sentBytes).toBeLessThan(2_000_000);
  release();
  await transfer;
  expect(file.bytes.equals(bytes)).toBe(true);
});
