// A real worker: echoes whatever comes over a connection on its own port, or on one that it is sent.
import { register } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

register('tsx/esm', import.meta.url, { data: {} });
const { MessagePortConnection } = await import('../../src/transport/message-port.ts');

if (workerData.throws) {
  parentPort.once('message', () => {
    throw new Error('made up in the worker');
  });
} else {
  const connection = new MessagePortConnection(workerData.port ?? parentPort);
  connection.start({
    writable() {},
    text() {},
    received(bytes) {
      connection.send([bytes]);
    },
    closed() {},
  });
}
