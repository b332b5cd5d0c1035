import type { ErrorPayload } from './errors.js';
import type { Limits } from './limits.js';
import type { Json } from './meta.js';

/** Dialer -> acceptor, first frame of a connection. */
export interface Hello {
  version: number;
  limits: Limits;
  token?: string | undefined;
  /** 128 random bits that make this endpoint known again on its next connection. Nobody but the acceptor sees them. */
  endpoint?: string | undefined;
  /** `stream`: the tunnel is for one stream, and over with it. Default `multi`. */
  mode?: TunnelMode | undefined;
  /** What the application wants to speak over the tunnel, the best first: the acceptor picks one. */
  protocols?: readonly string[] | undefined;
}

export type TunnelMode = 'multi' | 'stream';

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
  /** How long this acceptor reserves names and lets re-opens wait for the other endpoint, milliseconds. 0: it does not. */
  resumeWindowMs: number;
  /** Of an acceptor that is the tunnel's other end, and no relay: what the tunnel is known by. */
  tunnelId?: string | undefined;
  /** The acceptor has this tunnel, and its streams, from an earlier connection. */
  isReturning?: boolean | undefined;
  /** The one of HELLO's `protocols` that is spoken. */
  protocol?: string | undefined;
}

/** What an opener wants. */
export type Target =
  | { kind: 'plain' }
  | { kind: 'connect'; name: string; waitMs: number }
  /** `owner`: who presents the same text takes the name over; `claim`: which takeover this listener is, 0 for a new one. */
  | { kind: 'listen'; name: string; owner?: string | undefined; claim: number }
  | { kind: 'accept'; offerId: string }
  /** To be told which names that match come and go. */
  | { kind: 'watch'; pattern: string }
  /** A stream that both ends have already, at that endpoint; `waitMs`: how long to wait for it. */
  | { kind: 'resume'; endpoint: string; waitMs: number };

/** What each end holds of a stream that is carried on: see `Reopen` and `Accept`. */
export interface Progress {
  /** Bytes received, in order. */
  received: number;
  /** END was received as well: counts as END_ACK. */
  ended: boolean;
  /** Shows that the sender knows the stream's key, without telling it. */
  proof: string;
}

/** In an OPEN that opens a stream again. */
export interface Reopen extends Progress {
  /** Counts the re-opens of a stream from 1: the highest wins. */
  epoch: number;
}

export interface Open {
  /** 128 random bits, 32 hexadecimal digits: the stream's identity at both ends, whatever carries it. */
  uid: string;
  /** How many bytes the opener is ready to receive. */
  credit: number;
  meta: Json;
  target: Target;
  /** 128 random bits, the secret of this stream: who gives it can carry the stream on over another connection. */
  key?: string | undefined;
  resume?: Reopen | undefined;
}

export interface Accept {
  credit: number;
  meta: Json;
  /** Where the stream can be opened again; there only if both ends can carry it on. */
  endpoint?: string | undefined;
  /** The answer to a re-open. */
  resume?: Progress | undefined;
  /** The answer to `listen`. */
  claim?: number | undefined;
}

/** Relay -> listener on its listen stream: somebody wants to connect. */
export interface Offer {
  /** 128 random bits, single use. */
  id: string;
  /** The stream's uid, which the listener's accepting OPEN repeats. */
  uid: string;
  name: string;
  meta: Json;
  /** What the relay knows of the client, if it has asked. */
  claims?: Json | undefined;
  /** As in the client's OPEN; `resume` where the client never saw the answer to its first one. */
  key?: string | undefined;
  resume?: Reopen | undefined;
}

/** Listener -> relay on its listen stream: no. */
export interface Refuse extends ErrorPayload {
  id: string;
}

export type TunnelFrame =
  | { type: 'HELLO'; hello: Hello }
  | { type: 'WELCOME'; welcome: Welcome }
  /** With `graceMs` it is a notice: the connection goes on for that long, milliseconds. Else it is the last frame. */
  | { type: 'GOAWAY'; error: ErrorPayload; graceMs?: number | undefined }
  | { type: 'PING' | 'PONG'; payload: Uint8Array }
  /** Dialer: a newer token. Acceptor: the one that it has runs out in so many milliseconds. */
  | { type: 'TOKEN'; token?: string | undefined; expiresInMs?: number | undefined };

/** What an existing stream can receive. */
export type StreamFrame =
  | { type: 'ACCEPT'; id: number; accept: Accept }
  | { type: 'RESET'; id: number; error: ErrorPayload }
  /** This attachment is over, the stream is not. */
  | { type: 'DETACH'; id: number; error: ErrorPayload }
  /** `exhausted`: this frame uses up the credit of its sender (R56). */
  | { type: 'DATA'; id: number; payload: Uint8Array; exhausted: boolean }
  | { type: 'CREDIT'; id: number; consumed: number; credit: number }
  | { type: 'END'; id: number; finalOffset: number }
  | { type: 'END_ACK'; id: number }
  /** The last frame of a stream. */
  | { type: 'CLOSE'; id: number }
  | { type: 'OFFER'; id: number; offer: Offer }
  | { type: 'REFUSE'; id: number; refuse: Refuse };

export type OpenFrame = { type: 'OPEN'; id: number; open: Open };

export type Frame = TunnelFrame | OpenFrame | StreamFrame;
