// A relay in a process of its own: one whose memory is only the relay's, and that can be killed.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRelay, type Relay, type RelayOptions } from '../../relay/index.js';
import { answerQuestions, leaveAfter } from './child-answers.js';
import { leftOfClosedRelay } from './leftovers.js';
import { ProcessMeter, type ProcessSample } from './process-meter.js';

export interface RelayChildOptions {
  relay: RelayOptions;
  /** 0: one that this process picks. */
  port: number;
  /** What SIGTERM gives the peers, milliseconds. */
  drainGraceMs: number;
}

export type RelayReport = { rss: number; stats: ReturnType<Relay['stats']> };

/** Systems take the ports of outgoing connections from above here. */
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_000;

interface Draining {
  drain(options: { graceMs: number }): Promise<void>;
}

const server = createServer();
let relay: Relay;
/** From the first question on: what it costs is not part of any other measurement. */
let meter: ProcessMeter | undefined;

answerQuestions({
  async start({ relay: options, port, drainGraceMs }: RelayChildOptions): Promise<{ port: number }> {
    relay = createRelay(options).install(server);
    process.once('SIGTERM', () => endAfter((relay as Relay & Draining).drain({ graceMs: drainGraceMs })));
    if (port === 0) return { port: await listenOnLastingPort() };
    await listen(port);
    return { port };
  },
  report(): RelayReport {
    globalThis.gc?.();
    return { rss: process.memoryUsage().rss, stats: relay.stats() };
  },
  measure(): Promise<ProcessSample> {
    meter ??= new ProcessMeter();
    return meter.sample();
  },
  left: (): string[] => [...relay.servers(), ...leftOfClosedRelay(relay)],
  close() {
    endAfter(relay.close());
  },
});

function endAfter(closed: Promise<void>): void {
  void leaveAfter(
    closed.then(() => {
      server.close();
      meter?.close();
    }),
  );
}

/**
 * A port to come back to. Not one that the system picks: while nobody listens on it, an outgoing connection may be given
 * the same, and a peer that dials it then may even be joined to itself.
 */
async function listenOnLastingPort(): Promise<number> {
  for (;;) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT));
    try {
      await listen(port);
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

async function listen(port: number): Promise<void> {
  const listening = once(server, 'listening');
  server.listen(port, '127.0.0.1');
  await listening;
}
