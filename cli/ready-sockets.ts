import { connect, type Socket } from 'node:net';
import type { Address } from './address.js';

/** Less than the relay waits for the answer to an offer. */
const CONNECT_MS = 20_000;
/** As long as that: a client that is not joined to its socket by then has given up. */
const JOIN_MS = 30_000;

interface Ready {
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
}

/** TCP connections for clients that are offered or accepted and not joined yet, by the uid of the stream that each is for. */
export class ReadySockets {
  private readonly connecting = new Set<Socket>();
  private readonly ready = new Map<string, Ready>();

  constructor(
    private readonly address: Address,
    private readonly joinMs = JOIN_MS,
  ) {}

  /** @throws (rejects) the system's error, ETIMEDOUT when nobody answers, ECANCELED when all was closed meanwhile */
  async connect(uid: string): Promise<void> {
    const socket = await this.dial();
    this.expire(uid);
    // Whoever takes it finds out.
    socket.on('error', () => {});
    this.ready.set(uid, { socket, timer: setTimeout(() => this.expire(uid), this.joinMs) });
  }

  /** @throws Error ETIMEDOUT when it took the client too long to come */
  take(uid: string): Socket {
    const entry = this.ready.get(uid);
    if (entry === undefined) throw failure('ETIMEDOUT', 'the connection to the service was given up meanwhile');
    this.ready.delete(uid);
    clearTimeout(entry.timer);
    return entry.socket;
  }

  close(): void {
    for (const socket of this.connecting) socket.destroy(failure('ECANCELED', 'told to stop'));
    for (const uid of [...this.ready.keys()]) this.expire(uid);
  }

  private dial(): Promise<Socket> {
    const { host, port } = this.address;
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
      this.connecting.add(socket);
      const fail = (error: Error): void => {
        this.connecting.delete(socket);
        reject(error);
      };
      socket.once('error', fail);
      socket.setTimeout(CONNECT_MS, () => socket.destroy(failure('ETIMEDOUT', 'no answer in time')));
      socket.once('connect', () => {
        this.connecting.delete(socket);
        socket.setTimeout(0);
        socket.off('error', fail);
        resolve(socket);
      });
    });
  }

  private expire(uid: string): void {
    const entry = this.ready.get(uid);
    this.ready.delete(uid);
    clearTimeout(entry?.timer);
    entry?.socket.resetAndDestroy();
  }
}

function failure(code: string, text: string): Error {
  return Object.assign(new Error(text), { code });
}
