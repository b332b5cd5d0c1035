import type { EventEmitter } from 'node:events';
import * as ws from 'ws';

/** The parts of `ws` that read and write frames: exported, and not in its types. A second opinion on RFC 6455. */
interface WsParts {
  Sender: { frame(payload: Uint8Array, options: FrameOptions): Buffer[] };
  Receiver: new (options: {
    isServer: boolean;
    skipUTF8Validation?: boolean;
  }) => EventEmitter & {
    write(bytes: Uint8Array): boolean;
  };
}

interface FrameOptions {
  fin: boolean;
  opcode: number;
  mask: boolean;
  readOnly: true;
  rsv1: false;
}

export const { Sender, Receiver } = ws as unknown as WsParts;

/** One frame, as `ws` writes it. */
export function wsFrame(opcode: number, payload: Uint8Array, mask: boolean, fin = true): Buffer {
  return Buffer.concat(Sender.frame(payload, { fin, opcode, mask, readOnly: true, rsv1: false }));
}
