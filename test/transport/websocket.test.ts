import { describe, expect, it } from 'vitest';
import { TrunklineError } from '../../src/protocol/errors.js';
import { closeReason } from '../../src/transport/close-reason.js';
import type { ConnectionEnd } from '../../src/transport/connection.js';
import { type SocketLike, WebSocketConnection } from '../../src/transport/websocket.js';

type Listener = (event: never) => void;

/** What a page's WebSocket has, and nothing more. */
class PageSocket implements SocketLike {
  binaryType = 'blob';
  readyState = 1;
  bufferedAmount = 0;
  protocol = 'trunkline.1';
  readonly closes: [number | undefined, string | undefined][] = [];
  private readonly listeners = new Map<string, Listener>();

  send(): void {}

  close(code?: number, reason?: string): void {
    // As the standard has it.
    if (reason !== undefined && Buffer.byteLength(reason) > 123) throw new SyntaxError('a reason of over 123 bytes');
    this.closes.push([code, reason]);
  }

  addEventListener(type: string, listener: Listener): void {
    this.listeners.set(type, listener);
  }

  emit(type: string, event: object): void {
    this.listeners.get(type)?.(event as never);
  }
}

/** And those of `ws` that count here. */
class NodeSocket extends PageSocket {
  readonly calls: string[] = [];

  terminate(): void {
    this.calls.push('terminate');
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }
}

function start(socket: PageSocket) {
  const ends: [TrunklineError, ConnectionEnd | undefined][] = [];
  const connection = new WebSocketConnection(socket);
  connection.start({
    writable: () => {},
    received: () => {},
    text: () => {},
    closed: (error, end) => ends.push([error, end]),
  });
  return { connection, ends };
}

describe('pause and resume', () => {
  it('are not there where the socket has none', () => {
    const { connection } = start(new PageSocket());
    expect(['pause' in connection, 'resume' in connection]).toEqual([false, false]);
    connection.close(true, 'nor needed');
  });

  it("are the socket's own where it has them", () => {
    const socket = new NodeSocket();
    const { connection } = start(socket);
    connection.pause!();
    connection.resume!();
    expect(socket.calls).toEqual(['pause', 'resume']);
  });

  it('are said again once the socket is open, which would not hear of it before', () => {
    const socket = new NodeSocket();
    socket.readyState = 0;
    const { connection } = start(socket);
    connection.pause!();
    socket.calls.length = 0;
    socket.readyState = 1;
    socket.emit('open', {});
    expect(socket.calls).toEqual(['pause']);
  });

  it('do not keep it from closing', () => {
    const socket = new NodeSocket();
    const { connection } = start(socket);
    connection.pause!();
    connection.close(true, 'done');
    expect(socket.calls).toEqual(['pause', 'resume']);
    expect(socket.closes).toEqual([[1000, 'done']]);
  });
});

describe('the end', () => {
  it('is what the closing handshake said', () => {
    const socket = new PageSocket();
    const { ends } = start(socket);
    socket.emit('close', { code: 3001, reason: 'done', wasClean: true });
    expect(ends).toEqual([[expect.any(TrunklineError), { code: 3001, reason: 'done' }]]);
    expect([ends[0]![0].code, ends[0]![0].message]).toEqual([
      'CONNECTION_LOST',
      'the WebSocket closed with 3001: done',
    ]);
  });

  it('is the error of the dial, where that says what it is', () => {
    const socket = new NodeSocket();
    const { ends } = start(socket);
    const error = new TrunklineError('FORBIDDEN', 'made up');
    socket.emit('error', { message: 'made up', error });
    socket.emit('close', { code: 1006, reason: '' });
    expect(ends[0]![0]).toBe(error);
    expect(ends[0]![1]).toEqual({ code: 1006, reason: '' });
  });

  it('has any other error as its cause', () => {
    const socket = new NodeSocket();
    const { ends } = start(socket);
    const error = new Error('made up');
    socket.emit('error', { message: 'made up', error });
    socket.emit('close', { code: 1006, reason: '' });
    expect(ends[0]![0]).toMatchObject({ code: 'CONNECTION_LOST', message: 'the WebSocket closed with 1006: made up' });
    expect(ends[0]![0].cause).toBe(error);
  });
});

describe('a reason for closing', () => {
  it.each([
    ['', ''],
    ['done', 'done'],
    ['x'.repeat(124), 'x'.repeat(123)],
    ['é'.repeat(62), 'é'.repeat(61)],
    ['漢'.repeat(42), '漢'.repeat(41)],
    [`${'x'.repeat(120)}💥`, 'x'.repeat(120)],
    [`${'x'.repeat(119)}💥y`, `${'x'.repeat(119)}💥`],
    [`👩‍👩‍👧‍👦${'x'.repeat(120)}`, `👩‍👩‍👧‍👦${'x'.repeat(98)}`],
  ])('%s is cut between characters', (text, expected) => {
    expect(closeReason(text)).toBe(expected);
    const socket = new PageSocket();
    start(socket).connection.close(false, text);
    expect(socket.closes).toEqual([[4000, expected]]);
  });

  it('of any characters, and halves of them, fits, is a beginning of it, and splits none', () => {
    const alphabet = ['a', 'é', '漢', '💥', '\ud83d', '\udca5', '\0'];
    for (let length = 0; length <= 130; length++) {
      for (const [index, one] of alphabet.entries()) {
        const text = Array.from({ length }, (_, at) => (at % 3 === 0 ? one : alphabet[(at * 5 + index) % 7])).join('');
        const reason = closeReason(text);
        const next = String.fromCodePoint(text.codePointAt(reason.length) ?? 0);
        expect(text.startsWith(reason)).toBe(true);
        expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
        if (reason !== text) expect(Buffer.byteLength(reason) + Buffer.byteLength(next)).toBeGreaterThan(123);
        // As many characters as it begins with there: none was made two halves.
        expect([...reason]).toEqual([...text].slice(0, [...reason].length));
      }
    }
  });
});
