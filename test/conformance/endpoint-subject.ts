import { expect } from 'vitest';
import type { ConnectionCore } from '../../src/core/connection.js';
import type { StreamCore, StreamEvent } from '../../src/core/stream.js';
import type { ErrorCode } from '../../src/protocol/codes.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Target } from '../../src/protocol/frames.js';
import type { Json } from '../../src/protocol/meta.js';
import { found, type Subject } from './subject.js';
import type { Command } from './vectors.js';

export type NamedEvent = { stream: string } & StreamEvent;

/** What the two kinds of endpoint have in common: streams by name, and commands on them. */
export abstract class EndpointSubject implements Subject {
  now = 0;
  protected readonly streams = new Map<string, StreamCore>();
  private events: NamedEvent[] = [];
  private incomingCount = 0;

  abstract connect(name: string): void;
  abstract connection(name: string): ConnectionCore;
  abstract advance(ms: number): void;
  abstract settle(): void;
  protected abstract open(name: string, target: Target, meta: Json): void;
  /** Everything is over, for this reason. */
  protected abstract finish(): void;
  protected abstract close(error: TrunklineError): void;
  protected abstract other(command: Command): void;

  command(command: Command): void {
    switch (command.command) {
      case 'open':
        return this.open(command.stream, command.target, command.meta ?? null);
      case 'accept':
        return this.stream(command.stream).accept();
      case 'write': {
        const [digits = '', count = '1'] = command.bytes.split('*');
        return this.stream(command.stream).write(Uint8Array.from(Buffer.from(digits.repeat(Number(count)), 'hex')));
      }
      case 'end':
        return this.stream(command.stream).end();
      case 'consume':
        return this.stream(command.stream).consume(command.count);
      case 'reset':
        return this.stream(command.stream).reset(new TrunklineError(command.code as ErrorCode, command.reason));
      case 'close':
        return this.close(new TrunklineError(command.code as ErrorCode, command.reason));
      default:
        return this.other(command);
    }
  }

  takeEvents(): NamedEvent[] {
    const { events } = this;
    this.events = [];
    return events;
  }

  expectNothingLeft(): void {
    this.finish();
    for (const [name, stream] of this.streams) {
      expect(stream.isClosed, name).toBe(true);
      expect(stream.retainedBytes, name).toBe(0);
    }
  }

  protected note(stream: StreamCore, event: StreamEvent): void {
    this.events.push({ stream: this.nameOf(stream), ...event });
  }

  /** Streams that the peer opens are called by their turn: in1, in2, ... */
  protected addIncoming(stream: StreamCore): void {
    this.streams.set(`in${++this.incomingCount}`, stream);
  }

  protected stream(name: string): StreamCore {
    return found(this.streams, name);
  }

  private nameOf(stream: StreamCore): string {
    for (const [name, candidate] of this.streams) if (candidate === stream) return name;
    return '?';
  }
}
