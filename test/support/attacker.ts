import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { frame, hello, open, Type } from './raw-peer.js';

/** A frame as it lay on the wire. */
export interface CaughtFrame {
  id: number;
  type: number;
  payload: Buffer;
  /** Header and payload. */
  bytes: Buffer;
}

/** How a connection ended, as far as the attacker was told. */
export interface Ending {
  /** The code of GOAWAY; undefined if there was none. */
  goaway: string | undefined;
  /** Of the WebSocket's close frame. */
  closeCode: number | undefined;
  /** By `performance.now()`. */
  atMs: number;
}

export interface AttackOptions {
  /** More HTTP headers for the upgrade, such as `Origin` or `Cookie`. */
  headers?: Readonly<Record<string, string>>;
  /** Called for each frame instead of keeping it: a flood does not remember what it was told. */
  onFrame?: (caught: CaughtFrame) => void;
}

const WEBSOCKET_BINARY = 0x82;
const WEBSOCKET_CLOSE = 0x8;
/** A mask of nothing but zeros is one, and costs nothing. */
const MASK = Buffer.alloc(4);
const IS_MASKED = 0x80;

/** Frames as one WebSocket message, ready for the socket. */
export function webSocketMessage(...frames: Uint8Array[]): Buffer {
  const length = frames.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return Buffer.concat([webSocketHeader(WEBSOCKET_BINARY, length), ...frames]);
}

/** @param length what it promises, whether it is true or not */
export function webSocketHeader(firstByte: number, length: number): Buffer {
  if (length < 126) return Buffer.concat([Buffer.of(firstByte, IS_MASKED | length), MASK]);
  const wide = length > 0xffff;
  const header = Buffer.alloc(wide ? 10 : 4);
  header.writeUInt8(firstByte, 0);
  header.writeUInt8(IS_MASKED | (wide ? 127 : 126), 1);
  if (wide) header.writeBigUInt64BE(BigInt(length), 2);
  else header.writeUInt16BE(length, 2);
  return Buffer.concat([header, MASK]);
}

/**
 * Speaks the protocol over a TCP socket of its own, WebSocket included, or breaks it at any layer: nothing here comes from
 * the sources, and nothing holds it to a rule.
 */
export class Attacker {
  private readonly inbox: CaughtFrame[] = [];
  private wakeReader: () => void = () => {};
  private unread = Buffer.alloc(0);
  private unparsed = Buffer.alloc(0);
  /** The code of the GOAWAY that came, if one has. */
  goaway: string | undefined;
  private tellOf: () => void = () => {};
  /** Once a GOAWAY has come; the socket's end may be later. */
  readonly told: Promise<void> = new Promise((resolve) => {
    this.tellOf = resolve;
  });
  private closeCode: number | undefined;
  /** There is a WebSocket. */
  isUpgraded = false;
  private nextId = 1;
  isOver = false;
  /** The status line of the answer to the upgrade; empty until there is one. */
  statusLine = '';
  readonly ended: Promise<Ending>;

  private constructor(
    readonly socket: Socket,
    /** Gets each frame, in the place of the inbox. */
    public onFrame: ((caught: CaughtFrame) => void) | undefined,
  ) {
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => this.received(bytes));
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.isOver = true;
        this.wakeReader();
        resolve({ goaway: this.goaway, closeCode: this.closeCode, atMs: performance.now() });
      });
    });
  }

  /** A TCP connection, and not a word on it. */
  static async connect(url: string, { onFrame }: AttackOptions = {}): Promise<Attacker> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const attacker = new Attacker(socket, onFrame);
    await once(socket, 'connect');
    return attacker;
  }

  /** Upgraded, and nothing said after that; or refused, which `statusLine` tells. */
  static async dial(url: string, options: AttackOptions = {}): Promise<Attacker> {
    const attacker = await Attacker.connect(url, options);
    attacker.upgrade(url, options.headers);
    while (attacker.statusLine === '' && !attacker.isOver) await attacker.woken();
    return attacker;
  }

  /** Through the handshake as well. */
  static async ready(url: string, fields: object = {}, options: AttackOptions = {}): Promise<Attacker> {
    const attacker = await Attacker.dial(url, options);
    attacker.send(hello(fields));
    while (!attacker.isWelcome && !attacker.isOver) await attacker.woken();
    return attacker;
  }

  isWelcome = false;

  upgrade(url: string, headers: Readonly<Record<string, string>> = {}): void {
    const { host, pathname } = new URL(url);
    const lines = Object.entries({
      Host: host,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      'Sec-WebSocket-Protocol': 'trunkline.1',
      ...headers,
    });
    const request = [`GET ${pathname} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`), '', ''];
    this.socket.write(request.join('\r\n'));
  }

  /** What `send` makes of what it is given: who plays with WebSocket frames has them left as they are. */
  pack: (...frames: Uint8Array[]) => Buffer = webSocketMessage;

  /** All of it in one message; false when the socket has enough for now. */
  send(...frames: Uint8Array[]): boolean {
    return this.sendBytes(this.pack(...frames));
  }

  /** Onto the socket as they are. */
  sendBytes(bytes: Uint8Array): boolean {
    return this.isOver ? false : this.socket.write(bytes);
  }

  /** An OPEN under the next id that was not used; returns that. */
  open(target: object, fields: object = {}): number {
    const id = this.takeId();
    this.send(open(id, target, fields));
    return id;
  }

  takeId(): number {
    const id = this.nextId;
    this.nextId += 2;
    return id;
  }

  /** From now on the relay's bytes pile up, first in the kernel, then at the relay. */
  stopReading(): void {
    this.socket.pause();
  }

  /** The next frame of that type; others before it are dropped. */
  async next(type: number): Promise<CaughtFrame> {
    for (;;) {
      for (let next = this.inbox.shift(); next; next = this.inbox.shift()) if (next.type === type) return next;
      if (this.isOver) throw new Error(`the connection closed before a frame of type ${type} came`);
      await this.woken();
    }
  }

  async nextPayload(type: number): Promise<Record<string, unknown>> {
    return JSON.parse((await this.next(type)).payload.toString()) as Record<string, unknown>;
  }

  /** What was sent before has been dealt with. */
  async settle(): Promise<void> {
    this.send(frame(0, Type.PING, Buffer.alloc(8)));
    await this.next(Type.PONG);
  }

  /** Without a word. */
  async destroy(): Promise<void> {
    this.socket.destroy();
    await this.ended;
  }

  private woken(): Promise<void> {
    return new Promise((resolve) => {
      this.wakeReader = resolve;
    });
  }

  private received(bytes: Buffer): void {
    this.unread = Buffer.concat([this.unread, bytes]);
    if (!this.isUpgraded) this.readStatus();
    if (this.isUpgraded) this.readWebSocketFrames();
    this.wakeReader();
  }

  private readStatus(): void {
    const end = this.unread.indexOf('\r\n\r\n');
    if (end === -1) return;
    this.statusLine = this.unread.subarray(0, this.unread.indexOf('\r\n')).toString();
    this.isUpgraded = this.statusLine.includes(' 101 ');
    this.unread = this.unread.subarray(end + 4);
  }

  private readWebSocketFrames(): void {
    let at = 0;
    for (let frame = webSocketFrameAt(this.unread, at); frame; frame = webSocketFrameAt(this.unread, at)) {
      at = frame.end;
      if (frame.opcode === WEBSOCKET_CLOSE)
        this.closeCode = frame.payload.length < 2 ? 0 : frame.payload.readUInt16BE();
      else if (frame.opcode < WEBSOCKET_CLOSE) this.readFrames(frame.payload);
    }
    this.unread = this.unread.subarray(at);
  }

  private readFrames(payload: Buffer): void {
    this.unparsed = Buffer.concat([this.unparsed, payload]);
    let at = 0;
    while (this.unparsed.length - at >= 8) {
      const end = at + 8 + this.unparsed.readUIntBE(at + 5, 3);
      if (end > this.unparsed.length) break;
      this.caught(this.unparsed.subarray(at, end));
      at = end;
    }
    this.unparsed = this.unparsed.subarray(at);
  }

  private caught(bytes: Buffer): void {
    const type = bytes.readUInt8(4) & 0x7f;
    const caught = { id: bytes.readUInt32BE(0), type, payload: bytes.subarray(8), bytes };
    if (type === Type.WELCOME) this.isWelcome = true;
    if (type === Type.GOAWAY) this.heardGoaway(caught.payload);
    if (this.onFrame) this.onFrame(caught);
    else this.inbox.push(caught);
  }

  /** A notice is none. */
  private heardGoaway(payload: Buffer): void {
    const { code, graceMs } = JSON.parse(payload.toString()) as { code: string; graceMs?: number };
    if (graceMs !== undefined) return;
    this.goaway = code;
    this.tellOf();
  }
}

interface WebSocketFrame {
  opcode: number;
  payload: Buffer;
  end: number;
}

function webSocketFrameAt(bytes: Buffer, at: number): WebSocketFrame | undefined {
  if (bytes.length < at + 2) return undefined;
  const short = bytes.readUInt8(at + 1);
  const start = at + 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
  if (bytes.length < start) return undefined;
  const length =
    short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short;
  if (bytes.length < start + length) return undefined;
  return { opcode: bytes.readUInt8(at) & 0x0f, payload: bytes.subarray(start, start + length), end: start + length };
}
