import { readFileSync } from 'node:fs';
import type { Target, TunnelMode } from '../../src/protocol/frames.js';
import type { Json } from '../../src/protocol/meta.js';
import type { WireFrame } from './wire.js';

/** The format is explained in vectors.json itself, for runners in other languages. */
export interface VectorFile {
  hello: string[];
  /** The same of an endpoint that can be known again, by `$endpoint`. */
  helloAs: string[];
  welcome: string[];
  vectors: Vector[];
  /** Rules that no exchange of bytes can show: where they are tested. */
  tests: Record<string, string>;
}

export interface Vector {
  id: string;
  rules: string[];
  role: 'decoder' | 'acceptor' | 'dialer' | 'relay' | 'tunnelAcceptor';
  title: string;
  configure?: Configuration;
  steps: Step[];
}

export interface Configuration {
  limits?: Record<string, number>;
  heartbeat?: { intervalMs: number; timeoutMs: number };
  handshakeTimeoutMs?: number;
  windowBytes?: number;
  /** How long names and streams outlive their connection. Default 0: not at all. */
  resumeWindowMs?: number;
  /** Of a dialer's tunnel. Default `multi`. */
  mode?: TunnelMode;
  /** The acceptor answers HELLO at the command `welcome` only. */
  decidesLater?: boolean;
}

export type Step = { on?: string; comment?: string } & (
  | { send: string[]; frames?: WireFrame[]; decoded?: WireFrame[]; error?: string }
  | { sendText: string }
  | { expect: WireFrame[] }
  | { handshake: string; endpoint?: string }
  | { connection: string }
  | { lose: string }
  | { advance: number }
  | { proof: string; key: string; statement: string }
  | { ended: string }
  | { events: EventPattern[] }
  | Command
);

export interface EventPattern {
  stream: string;
  type: string;
  [field: string]: unknown;
}

export type Command =
  | { command: 'welcome' }
  | { command: 'open'; stream: string; target: Target; meta?: Json }
  | { command: 'accept' | 'end'; stream: string }
  | { command: 'write'; stream: string; bytes: string }
  | { command: 'consume'; stream: string; count: number }
  | { command: 'take'; stream: string; listener: string }
  | { command: 'drain'; graceMs: number }
  | { command: 'reset'; stream: string; code: string; reason: string }
  | { command: 'close'; code: string; reason: string };

export function loadVectors(): VectorFile {
  return JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8')) as VectorFile;
}

/** `$name` stands for the 32 digits that were bound to it, `61*5` for a repeated byte. */
export function parseBytes(frames: readonly string[], bound: ReadonlyMap<string, string>): Uint8Array {
  const parts = frames
    .join(' ')
    .split(' ')
    .filter((token) => token !== '')
    .map((token) => parseToken(token, bound));
  return Uint8Array.from(Buffer.concat(parts));
}

function parseToken(token: string, bound: ReadonlyMap<string, string>): Buffer {
  if (token.startsWith('$')) {
    const value = bound.get(token);
    if (value === undefined) throw new RangeError(`nothing is bound to ${token}`);
    return Buffer.from(value, 'utf8');
  }
  const [digits = '', count = '1'] = token.split('*');
  if (!/^([0-9a-f]{2})+$/.test(digits)) throw new RangeError(`${token} is not hexadecimal`);
  return Buffer.from(digits.repeat(Number(count)), 'hex');
}
