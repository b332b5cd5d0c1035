import { once } from 'node:events';
import { WebSocket } from 'ws';

/** The wire by hand: nothing here comes from the sources, so that both cannot be wrong in the same way. */
export const Type = {
  HELLO: 0x01,
  WELCOME: 0x02,
  GOAWAY: 0x03,
  PING: 0x04,
  PONG: 0x05,
  OPEN: 0x10,
  ACCEPT: 0x11,
  RESET: 0x12,
  DETACH: 0x13,
  DATA: 0x20,
  CREDIT: 0x21,
  END: 0x22,
  END_ACK: 0x23,
  CLOSE: 0x24,
  OFFER: 0x30,
  REFUSE: 0x31,
} as const;

export interface RawFrame {
  id: number;
  type: number;
  payload: Buffer;
}

export function frame(id: number, type: number, payload: Uint8Array | object = Buffer.alloc(0)): Buffer {
  const body = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload));
  const header = Buffer.alloc(8);
  header.writeUInt32BE(id, 0);
  header.writeUInt8(type, 4);
  header.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([header, body]);
}

export function offsets(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64BE(BigInt(value), index * 8);
  return bytes;
}

let uidCount = 0;
export const newUid = (): string => (++uidCount).toString(16).padStart(32, '0');

export const hello = (fields: object = {}): Buffer => frame(0, Type.HELLO, { version: 1, ...fields });

export const open = (id: number, target: object, fields: object = {}): Buffer =>
  frame(id, Type.OPEN, { uid: newUid(), credit: 65536, meta: null, target, ...fields });

export interface Goaway {
  code: string;
  reason: string;
}

/** A peer that speaks the protocol, or breaks it, byte by byte. */
export class RawPeer {
  private readonly inbox: RawFrame[] = [];
  private wakeReader: () => void = () => {};
  /** How the WebSocket ended. */
  readonly closed: Promise<{ code: number; reason: string }>;
  private isOver = false;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => {
      this.inbox.push(...split(data));
      this.wakeReader();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.isOver = true;
        this.wakeReader();
        resolve({ code, reason: reason.toString() });
      });
    });
    socket.on('error', () => {});
  }

  static async dial(url: string, protocols: string[] = ['trunkline.1']): Promise<RawPeer> {
    const socket = new WebSocket(url, protocols, { perMessageDeflate: false });
    const peer = new RawPeer(socket);
    await once(socket, 'open');
    return peer;
  }

  /** Dialed, and through the handshake. */
  static async ready(url: string, fields: object = {}): Promise<RawPeer> {
    const peer = await RawPeer.dial(url);
    peer.send(hello(fields));
    await peer.next(Type.WELCOME);
    return peer;
  }

  /** All of it in one message. */
  send(...frames: Uint8Array[]): void {
    this.socket.send(Buffer.concat(frames));
  }

  sendText(text: string): void {
    this.socket.send(text);
  }

  /** The next frame of that type; others before it are dropped. */
  async next(type: number): Promise<RawFrame> {
    for (;;) {
      for (let next = this.inbox.shift(); next; next = this.inbox.shift()) if (next.type === type) return next;
      if (this.isOver) throw new Error(`the connection closed before a frame of type ${type} came`);
      await new Promise<void>((resolve) => {
        this.wakeReader = resolve;
      });
    }
  }

  async nextPayload(type: number): Promise<Record<string, unknown>> {
    const { payload } = await this.next(type);
    return JSON.parse(payload.toString()) as Record<string, unknown>;
  }

  /** What the connection ended with, in band, and that it did end. */
  async goaway(): Promise<Goaway> {
    const payload = await this.nextPayload(Type.GOAWAY);
    await this.closed;
    return payload as unknown as Goaway;
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }

  async terminate(): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }
}

function split(message: Buffer): RawFrame[] {
  const frames: RawFrame[] = [];
  for (let at = 0; at < message.length; ) {
    const length = message.readUIntBE(at + 5, 3);
    const payload = message.subarray(at + 8, at + 8 + length);
    frames.push({ id: message.readUInt32BE(at), type: message.readUInt8(at + 4) & 0x7f, payload });
    at += 8 + length;
  }
  return frames;
}
