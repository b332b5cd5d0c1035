import type { ErrorPayload } from './errors.js';
import type { Limits } from './limits.js';
import type { Json } from './meta.js';

/** Dialer -> acceptor, first frame of a connection. */
export interface Hello {
  version: number;
  limits: Limits;
  token?: string | undefined;
}

/** When the acceptor pings and when either side declares the connection dead. */
export interface Heartbeat {
  /** The acceptor sends PING this often, milliseconds. */
  intervalMs: number;
  /** Dead after `intervalMs + timeoutMs` without a message, milliseconds. */
  timeoutMs: number;
}

/** Acceptor -> dialer, the answer to HELLO. */
export interface Welcome {
  version: number;
  limits: Limits;
  heartbeat: Heartbeat;
  /** Who answers: stays the same for the life of one relay process. */
  relayId: string;
}

/** What an opener wants. */
export type Target =
  | { kind: 'plain' }
  | { kind: 'connect'; name: string; waitMs: number }
  | { kind: 'listen'; name: string }
  | { kind: 'accept'; offerId: string };

export interface Open {
  /** 128 random bits, 32 hexadecimal digits: the stream's identity at both ends, whatever carries it. */
  uid: string;
  /** How many bytes the opener is ready to receive. */
  credit: number;
  meta: Json;
  target: Target;
}

export interface Accept {
  credit: number;
  meta: Json;
}

/** Relay -> listener on its listen stream: somebody wants to connect. */
export interface Offer {
  /** 128 random bits, single use. */
  id: string;
  /** The stream's uid, which the listener's accepting OPEN repeats. */
  uid: string;
  name: string;
  meta: Json;
}

/** Listener -> relay on its listen stream: no. */
export interface Refuse extends ErrorPayload {
  id: string;
}

export type TunnelFrame =
  | { type: 'HELLO'; hello: Hello }
  | { type: 'WELCOME'; welcome: Welcome }
  | { type: 'GOAWAY'; error: ErrorPayload }
  | { type: 'PING' | 'PONG'; payload: Uint8Array };

/** What an existing stream can receive. */
export type StreamFrame =
  | { type: 'ACCEPT'; id: number; accept: Accept }
  | { type: 'RESET'; id: number; error: ErrorPayload }
  /** `exhausted`: this frame uses up the credit of its sender (R56). `frame` is header and payload. */
  | { type: 'DATA'; id: number; payload: Uint8Array; exhausted: boolean; frame: Uint8Array }
  | { type: 'CREDIT'; id: number; consumed: number; credit: number }
  | { type: 'END'; id: number; finalOffset: number }
  | { type: 'END_ACK'; id: number }
  | { type: 'OFFER'; id: number; offer: Offer }
  | { type: 'REFUSE'; id: number; refuse: Refuse };

export type OpenFrame = { type: 'OPEN'; id: number; open: Open };

export type Frame = TunnelFrame | OpenFrame | StreamFrame;
