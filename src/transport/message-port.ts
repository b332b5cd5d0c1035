import { SUBPROTOCOL } from '../protocol/constants.js';
import { TrunklineError } from '../protocol/errors.js';
import type { Message } from '../protocol/message-parts.js';
import type { Connection, ConnectionHandlers } from './connection.js';
import { copyMessage } from './copy-message.js';
import { describeFailure } from './failure-text.js';
import { PortCredit } from './port-credit.js';
import { closePort, listenToPort, type PortLike } from './port-like.js';

export type { PortLike };

/**
 * A MessagePort, a Worker or the global scope of one as a connection (PROTOCOL.md section 2). What is posted is one of:
 *
 *   'trunkline.1'   here I am: once at the start, and once more in answer to the other side's first (R154)
 *   Uint8Array      a message; its memory goes over with it (R155)
 *   number          so many bytes of messages have been taken, in all (R156)
 *   null            the end, answered by null (R158)
 *
 *   new ──start──> waiting ──'trunkline.1' came──> open ──close──> ending ──null came──> closed
 *   any ──null, anything else, terminate──> closed
 */
export class MessagePortConnection implements Connection {
  readonly announcesWritable = true;
  /** Memory that was kept to be sent again must not go over to the other side. */
  readonly copiesMessages = true;
  private state: 'new' | 'waiting' | 'open' | 'ending' | 'closed' = 'new';
  private handlers: ConnectionHandlers | undefined;
  private readonly credit = new PortCredit();
  /** What came while reading was paused: messages, and the end behind them. */
  private held: (Uint8Array | null)[] = [];
  private isPaused = false;
  private wasFull = false;
  /** What was thrown in the worker, until it is known whether that was its end. */
  private thrown: unknown;
  private stopListening: () => void = () => {};

  constructor(private readonly port: PortLike) {}

  start(handlers: ConnectionHandlers): void {
    this.handlers = handlers;
    this.state = 'waiting';
    this.stopListening = listenToPort(this.port, {
      message: (data) => this.receive(data),
      unreadable: () => this.refuse('what could not be read here'),
      threw: (error) => this.workerThrew(error),
      ended: (how) => this.finish(`the port ended: ${how}`),
    });
    this.post(SUBPROTOCOL);
  }

  get isWritable(): boolean {
    return this.state === 'open' && this.credit.maySend;
  }

  send(message: Message): void {
    if (this.state !== 'open') return;
    const bytes = copyMessage(message);
    this.credit.sent(bytes.length);
    this.post(bytes, [bytes.buffer]);
    this.wasFull = !this.isWritable;
  }

  /** Everything that was said of the reason was said in band. */
  close(): void {
    if (this.state !== 'open') return this.terminate();
    this.state = 'ending';
    this.post(null);
    // The other side's end has to be seen.
    this.resume();
  }

  terminate(): void {
    if (this.state === 'waiting' || this.state === 'open') this.post(null);
    this.finish('the connection over the port was ended here');
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    while (!this.isPaused && this.held.length > 0) this.take(this.held.shift() as Uint8Array | null);
  }

  private receive(data: unknown): void {
    if (this.state === 'closed') return;
    if (data === SUBPROTOCOL) return this.peerStarted();
    // Also without a start: that one may have come before anybody listened here.
    if (data === null) return this.takeInTurn(null);
    if (this.state === 'waiting') return this.refuse(describe(data), `before ${SUBPROTOCOL}`);
    if (typeof data === 'number') return this.acknowledged(data);
    if (!isMessage(data)) return this.refuse(describe(data));
    if (!this.credit.arrived(data.length)) return this.refuse('more than was acknowledged');
    this.takeInTurn(withoutSurplus(data));
  }

  private peerStarted(): void {
    if (this.state !== 'waiting') return;
    this.state = 'open';
    // It may have begun to listen after ours had come.
    this.post(SUBPROTOCOL);
    this.handlers?.writable();
  }

  private acknowledged(bytes: number): void {
    if (!this.credit.acknowledged(bytes)) return this.refuse(`${bytes} for what was acknowledged`);
    if (!this.wasFull || !this.isWritable) return;
    this.wasFull = false;
    this.handlers?.writable();
  }

  private takeInTurn(item: Uint8Array | null): void {
    if (!this.isPaused) this.take(item);
    else if (!isLast(this.held.at(-1))) this.held.push(item);
  }

  private take(item: Uint8Array | null): void {
    if (this.state === 'closed') return;
    if (item === null) return this.peerEnded();
    this.handlers?.received(item, true);
    const due = this.credit.taken(item.length);
    if (due !== undefined && this.state === 'open') this.post(due);
  }

  private peerEnded(): void {
    if (this.state !== 'ending') this.post(null);
    this.finish('the other side of the port ended the connection');
  }

  private workerThrew(error: unknown): void {
    this.thrown = error;
    // It has never come up, and most likely never will.
    if (this.state === 'waiting') this.finish(`the worker failed: ${describeFailure(error)}`);
  }

  private refuse(what: string, when = ''): void {
    if (this.state === 'open' || this.state === 'waiting') this.post(null);
    const detail = when === '' ? '' : ` ${when}`;
    this.finish(`something else than ${SUBPROTOCOL} came on the port: ${what}${detail}`);
  }

  private post(message: unknown, transfer: ArrayBuffer[] = []): void {
    try {
      this.port.postMessage(message, transfer);
    } catch (error) {
      this.finish(`nothing can be posted to the port: ${describeFailure(error)}`, error);
    }
  }

  private finish(message: string, cause = this.thrown): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.stopListening();
    this.held = [];
    closePort(this.port);
    const handlers = this.handlers;
    this.handlers = undefined;
    const error = new TrunklineError('CONNECTION_LOST', message, cause === undefined ? {} : { cause });
    // Not from inside `start`, or of what the caller calls.
    queueMicrotask(() => handlers?.closed(error));
  }
}

/** Shared memory could change after it was checked. */
function isMessage(data: unknown): data is Uint8Array {
  return data instanceof Uint8Array && data.buffer instanceof ArrayBuffer;
}

/** Nothing counts behind it: the end, or an empty message, which whoever decodes it ends the connection for. */
function isLast(item: Uint8Array | null | undefined): boolean {
  return item === null || item?.length === 0;
}

/** A few bytes of a large memory bring all of it along; what is counted, and kept, is the message. */
function withoutSurplus(message: Uint8Array): Uint8Array {
  return message.length === message.buffer.byteLength ? message : message.slice();
}

function describe(data: unknown): string {
  if (typeof data === 'string') return JSON.stringify(data.slice(0, 60));
  return typeof data === 'object' ? Object.prototype.toString.call(data) : `${typeof data} ${String(data)}`;
}
