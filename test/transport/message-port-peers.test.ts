// Peers of a port that are none of ours, and real workers.
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { endOf } from './byte-stream-fixture.js';
import { cleanUpAfterEach, cleanups, startByHand, startedByHand, startOn } from './port-fixture.js';

checkLeaksAfterEach();
cleanUpAfterEach();

describe('what is none of ours', () => {
  it.each<[string, unknown, string]>([
    ['a text', 'hello', '"hello"'],
    ['a long text', 'x'.repeat(1000), 'xxx"'],
    ['an object', { type: 'webpackOk' }, '[object Object]'],
    ['an array', [1], '[object Array]'],
    ['a boolean', true, 'boolean true'],
    ['a buffer', new ArrayBuffer(8), '[object ArrayBuffer]'],
    ['numbers', new Float64Array(8), '[object Float64Array]'],
    ['shared memory', new Uint8Array(new SharedArrayBuffer(8)), '[object Uint8Array]'],
    ['an acknowledgement of what was never sent', 5, '5 for what was acknowledged'],
    ['one of less than nothing', -1, '-1 for what was acknowledged'],
    ['one of no number', Number.NaN, 'NaN for what was acknowledged'],
    ['one of a part of a byte', 0.5, '0.5 for what was acknowledged'],
    ['one of nothing new', 0, '0 for what was acknowledged'],
  ])('%s ends the connection, and the other side is told', async (_what, data, quoted) => {
    const { told, peer, posted } = await startedByHand();
    peer.postMessage(data);
    const { message } = await endOf(told);
    expect(message).toContain('something else than trunkline.1 came on the port: ');
    expect(message).toContain(quoted);
    await until(() => posted.length === 1, 'the end');
    expect(posted).toEqual([null]);
  });

  it.each([
    ['a message', Buffer.from('early')],
    ['a number', 5],
    ['a text', 'trunkline.2'],
  ])('%s before the other side has said what it speaks ends it as well', async (_what, data) => {
    const { told, peer } = startByHand();
    peer.postMessage(data);
    expect((await endOf(told)).message).toContain('before trunkline.1');
    expect(told.messages).toEqual([]);
  });

  it('an empty message is for the decoder to refuse', async () => {
    const { told, peer } = await startedByHand();
    peer.postMessage(new Uint8Array(0));
    await until(() => told.messages.length === 1, 'the message');
    expect(told.messages[0]!.length).toBe(0);
  });
});

describe('a real worker', () => {
  function startWorker(data: { port?: MessagePort; throws?: boolean } = {}): Worker {
    const worker = new Worker(new URL('port-worker.mjs', import.meta.url), {
      workerData: data,
      transferList: data.port ? [data.port] : [],
    });
    cleanups.push(() => worker.terminate());
    return worker;
  }

  async function echoes({ told, connection }: ReturnType<typeof startOn>): Promise<void> {
    await until(() => connection.isWritable, 'the worker', 15_000);
    let sent = 0;
    told.onWritable = () => {
      for (; connection.isWritable && sent < 40; sent++) connection.send([seededBytes(sent, 0, 60_000)]);
    };
    told.onWritable();
    await until(() => told.messages.length === 40, 'the echoes');
    expect(told.messages.every((message, index) => message.equals(seededBytes(index, 0, 60_000)))).toBe(true);
  }

  it('echoes 2.4 MB over a port of its own, and closes', async () => {
    const { port1, port2 } = new MessageChannel();
    startWorker({ port: port2 });
    const end = startOn(port1);
    await echoes(end);
    end.connection.close();
    await endOf(end.told);
  });

  it('echoes over itself, and is told when it exits', async () => {
    const worker = startWorker();
    const end = startOn(worker);
    await echoes(end);
    await worker.terminate();
    expect((await endOf(end.told)).message).toBe('the port ended: the worker exited with 1');
    expect(worker.listenerCount('message')).toBe(0);
  });

  it('that throws is the cause', async () => {
    const end = startOn(startWorker({ throws: true }));
    const { message } = await endOf(end.told);
    expect(message).toBe('the worker failed: made up in the worker');
  });
});
