import { TrunklineError } from '../protocol/errors.js';
import type { Hello, Open } from '../protocol/frames.js';
import { ConnectionCore, type ConnectionOptions } from './connection.js';

/** Whose connection it becomes. */
export interface ConnectionTaker {
  openReceived(connection: ConnectionCore, id: number, open: Open): void;
  ended(connection: ConnectionCore, error: TrunklineError): void;
}

/**
 * A connection that was taken. It belongs to nobody until its HELLO has said whose it is; what comes behind that waits in
 * the connection for as long as it takes to decide.
 */
export class IncomingConnection {
  readonly core: ConnectionCore;
  private taker: ConnectionTaker | undefined;

  constructor(options: Omit<ConnectionOptions, 'role'>, helloReceived: (hello: Hello, now: number) => void) {
    this.core = new ConnectionCore(
      { ...options, role: 'acceptor' },
      {
        helloReceived,
        welcomeReceived: () => {
          throw new TrunklineError('PROTOCOL', 'WELCOME from a dialer');
        },
        noticeReceived: () => {
          throw new TrunklineError('PROTOCOL', 'a notice from a dialer');
        },
        // Nothing is opened before WELCOME, and who sends that has taken it.
        openReceived: (id, open) => this.taker?.openReceived(this.core, id, open),
        connectionEnded: (error) => this.taker?.ended(this.core, error),
      },
    );
  }

  giveTo(taker: ConnectionTaker): void {
    this.taker = taker;
  }
}
