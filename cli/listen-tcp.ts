import { connect, type Socket } from 'node:net';
import type { Refusal, TunnelStream } from '../src/index.js';
import { type Address, formatAddress } from './address.js';
import { join } from './join.js';
import { type ListenSettings, listenOn } from './listener.js';
import { sayError } from './notices.js';
import { type Work, workOnTunnel } from './tunnel.js';

/** Less than the relay waits for the answer to an offer. */
const CONNECT_MS = 20_000;
/** As long as that: a client that is not joined to its socket by then has given up. */
const JOIN_MS = 30_000;

/** Each client of the name gets a TCP connection to the address, until it is told to stop. */
export function listenOverTcp(settings: ListenSettings, address: Address): Promise<number> {
  const ready = new ReadySockets();
  const serve = (work: Work): Promise<never> =>
    new Promise((_resolve, onLost) => {
      const forwarding = new Forwarding(address, ready, settings.tunnel.isQuiet);
      const accept = (): Promise<true | Refusal> => forwarding.accept();
      const onStream = (stream: TunnelStream): void => void forwarding.carry(stream);
      listenOn(settings, work, { accept, onStream, onLost }).once('listening', () =>
        console.log(`listening on ${settings.name} for ${formatAddress(address)}`),
      );
    });
  return workOnTunnel(settings.tunnel, serve, { isEndless: true }).finally(() => ready.close());
}

class Forwarding {
  constructor(
    private readonly address: Address,
    private readonly ready: ReadySockets,
    private readonly isQuiet: boolean,
  ) {}

  /** First the TCP connection, then the answer: a client is told why there is none. */
  async accept(): Promise<true | Refusal> {
    try {
      this.ready.add(await connectTo(this.address));
      return true;
    } catch (error) {
      this.say(error);
      // The address is this side's own affair.
      const { code = 'ECONNREFUSED' } = error as NodeJS.ErrnoException;
      return { code, text: 'the service behind this name cannot be reached' };
    }
  }

  async carry(stream: TunnelStream): Promise<void> {
    const socket = this.ready.take();
    try {
      await join(socket, stream);
    } catch (error) {
      this.say(error);
    }
  }

  private say(error: unknown): void {
    if (!this.isQuiet) sayError(error, `connection to ${formatAddress(this.address)}`);
  }
}

function connectTo({ host, port }: Address): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const fail = (error: Error): void => reject(error);
    socket.once('error', fail);
    socket.setTimeout(CONNECT_MS, () => {
      socket.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
    });
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

/**
 * Connected, for clients that are accepted and not joined yet. Any will do for any client, since nothing was said on them.
 * The newest is taken: the one of a client that has given up stays at the bottom until its time is over.
 */
class ReadySockets {
  private readonly waiting: { socket: Socket; timer: NodeJS.Timeout }[] = [];

  add(socket: Socket): void {
    // Whoever takes it finds out.
    socket.on('error', () => {});
    const timer = setTimeout(() => this.expire(socket), JOIN_MS);
    this.waiting.push({ socket, timer });
  }

  take(): Socket {
    const { socket, timer } = this.waiting.pop()!;
    clearTimeout(timer);
    return socket;
  }

  close(): void {
    for (const { socket } of [...this.waiting]) this.expire(socket);
  }

  private expire(socket: Socket): void {
    const index = this.waiting.findIndex((one) => one.socket === socket);
    clearTimeout(this.waiting[index]?.timer);
    this.waiting.splice(index, 1);
    socket.resetAndDestroy();
  }
}
