// A relay in a process of its own: one whose memory is only the relay's, and that can be killed.
import { createServer } from 'node:http';
import { createRelay, type RelayOptions } from '../../relay/index.js';
import { listenOnFreePort } from './free-port.js';

export type RelayReport = { rss: number; stats: ReturnType<ReturnType<typeof createRelay>['stats']> };

const server = createServer();
const relay = createRelay(JSON.parse(process.argv[2] ?? '{}') as RelayOptions).install(server);

process.on('message', (question) => {
  if (question === 'report') {
    globalThis.gc?.();
    process.send?.({ rss: process.memoryUsage().rss, stats: relay.stats() } satisfies RelayReport);
  } else if (question === 'close') {
    // Then nothing holds the process any more, and it must end by itself.
    void relay.close().then(() => {
      server.close();
      process.disconnect();
    });
  }
});

process.send?.({ port: await listenOnFreePort(server) });
