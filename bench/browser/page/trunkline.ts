import { connectTunnel, StreamClient } from 'trunkline';
import type { PageLine } from './line.js';

/** One tunnel for all streams, with its defaults. The name is that of ../../carriers/trunkline.ts. */
export function trunkline(relayPort: number): PageLine {
  const client = new StreamClient(connectTunnel(`ws://127.0.0.1:${relayPort}/trunkline`));
  return {
    async open() {
      const stream = client.connect('bench');
      await stream.opened;
      return {
        write: (bytes) => stream.write(bytes),
        whenDrained: () => new Promise((resolve) => stream.once('drain', resolve)),
        onData: (listener) => stream.on('data', listener),
        close: () =>
          new Promise((resolve) => {
            stream.once('close', resolve);
            stream.end();
          }),
      };
    },
  };
}
