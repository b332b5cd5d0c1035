// An endpoint in a process of its own, that ends in the middle of what it does, the way programs do: `process.exit()`.
import { connectTunnel, StreamClient, StreamServer, type Tunnel, type TunnelStream } from '../../src/index.js';
import { answerQuestions } from './child-answers.js';

export interface LeavingOptions {
  url: string;
  name: string;
  /** Listens on that name, or connects to it. */
  role: 'listener' | 'client';
}

const LOTS_BYTES = 1024 * 1024;

answerQuestions({
  async start({ url, name, role }: LeavingOptions): Promise<void> {
    const tunnel = connectTunnel(url);
    if (role === 'client') return connect(tunnel, name);
    await StreamServer(tunnel, fill).listen(name).ready;
  },
  exit: () => process.exit(0),
});

async function connect(tunnel: Tunnel, name: string): Promise<void> {
  const stream = StreamClient(tunnel).connect(name);
  fill(stream);
  await stream.opened;
}

/** More than its window takes: something is always still to be sent. */
function fill(stream: TunnelStream): void {
  stream.on('error', () => {});
  stream.write(Buffer.alloc(LOTS_BYTES));
}
