/**
 * Reads messages as PROTOCOL.md draws them, without a line of `src/`: what both sides of this package get wrong alike
 * would otherwise look right. Slow, and strict.
 */
export interface WireFrame {
  type: string;
  id: number;
  [field: string]: unknown;
}

const JSON_FRAMES: Readonly<Record<number, string>> = {
  1: 'HELLO',
  2: 'WELCOME',
  3: 'GOAWAY',
  16: 'OPEN',
  17: 'ACCEPT',
  18: 'RESET',
  19: 'DETACH',
  48: 'OFFER',
  49: 'REFUSE',
};

export function readMessage(message: Uint8Array): WireFrame[] {
  const bytes = Buffer.from(message);
  const frames: WireFrame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const id = bytes.readUInt32BE(at);
    const type = bytes.readUInt8(at + 4);
    const length = bytes.readUIntBE(at + 5, 3);
    const payload = bytes.subarray(at + 8, at + 8 + length);
    if (payload.length !== length) throw new RangeError(`a frame of ${length} bytes has only ${payload.length}`);
    frames.push({ ...readPayload(type, payload), id });
    at += 8 + length;
  }
  return frames;
}

function readPayload(type: number, payload: Buffer): { type: string; [field: string]: unknown } {
  const json = JSON_FRAMES[type];
  if (json !== undefined) return { type: json, json: JSON.parse(payload.toString('utf8')) as unknown };
  switch (type) {
    case 0x04:
      return { type: 'PING', payload: payload.toString('hex') };
    case 0x05:
      return { type: 'PONG', payload: payload.toString('hex') };
    case 0x20:
    case 0xa0:
      return { type: 'DATA', payload: payload.toString('hex'), exhausted: type === 0xa0 };
    case 0x21:
      return { type: 'CREDIT', consumed: readOffset(payload, 0), credit: readOffset(payload, 8) };
    case 0x22:
      return { type: 'END', finalOffset: readOffset(payload, 0) };
    case 0x23:
      return { type: 'END_ACK' };
    case 0x24:
      return { type: 'CLOSE' };
    default:
      throw new RangeError(`a frame of type ${type}`);
  }
}

function readOffset(payload: Buffer, at: number): number {
  return Number(payload.readBigUInt64BE(at));
}

/** How a sender splits bytes into DATA frames is its own affair: neighbours of one stream become one frame. */
export function mergeData(frames: readonly WireFrame[]): WireFrame[] {
  const merged: WireFrame[] = [];
  for (const frame of frames) {
    const last = merged.findLast(({ id }) => id === frame.id);
    if (frame.type === 'DATA' && last?.type === 'DATA') {
      last.payload = `${last.payload as string}${frame.payload as string}`;
      last.exhausted = frame.exhausted;
    } else merged.push({ ...frame });
  }
  return merged;
}
