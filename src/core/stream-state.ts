import { TrunklineError } from '../protocol/errors.js';

/**
 * A stream's life at its endpoint. Each direction's own progress (open, ending, ended, acknowledged) is kept by its
 * half; whether it has a place on a connection now is kept apart (`StreamPlace`), because a life goes on without one.
 *
 *              send OPEN                    receive OPEN
 *   new ──────────────────> opening    new ─────────────> incoming
 *                              │ receive ACCEPT              │ send ACCEPT
 *                              └───────────> open <──────────┘
 *                                             │ both halves done, or send RESET
 *                                             v
 *            receive RESET                lingering: over for the application, the other side may not know
 *   any ──────────────────> closed <──CLOSE───┘
 */
export type StreamPhase = 'new' | 'opening' | 'incoming' | 'open' | 'lingering' | 'closed';

export type StreamInput =
  | 'send OPEN'
  | 'receive OPEN'
  | 'send ACCEPT'
  | 'send RESET'
  | 'both halves done'
  | 'receive ACCEPT'
  | 'receive RESET'
  | 'receive DETACH'
  | 'receive CLOSE'
  | 'receive DATA'
  | 'receive CREDIT'
  | 'receive END'
  | 'receive END_ACK'
  | 'receive OFFER'
  | 'receive REFUSE';

/** What is absent is a breach by the peer (a received frame) or a defect of ours (a command). */
const TRANSITIONS: Readonly<Record<StreamPhase, Partial<Record<StreamInput, StreamPhase>>>> = {
  new: { 'send OPEN': 'opening', 'receive OPEN': 'incoming', 'send RESET': 'closed' },
  opening: {
    'receive ACCEPT': 'open',
    'receive RESET': 'closed',
    'receive DETACH': 'opening',
    'send RESET': 'lingering',
  },
  incoming: {
    'send ACCEPT': 'open',
    'receive DATA': 'incoming',
    'receive END': 'incoming',
    'receive RESET': 'closed',
    'receive DETACH': 'incoming',
    'send RESET': 'lingering',
  },
  open: {
    'receive DATA': 'open',
    'receive CREDIT': 'open',
    'receive END': 'open',
    'receive END_ACK': 'open',
    'receive OFFER': 'open',
    'receive REFUSE': 'open',
    'receive RESET': 'closed',
    'receive DETACH': 'open',
    'send RESET': 'lingering',
    'both halves done': 'lingering',
  },
  // What was on its way when this side had its last word is ignored.
  lingering: {
    'receive ACCEPT': 'lingering',
    'receive DATA': 'lingering',
    'receive CREDIT': 'lingering',
    'receive END': 'lingering',
    'receive END_ACK': 'lingering',
    'receive OFFER': 'lingering',
    'receive REFUSE': 'lingering',
    'receive DETACH': 'lingering',
    'receive RESET': 'closed',
    'receive CLOSE': 'closed',
  },
  closed: {},
};

/** @throws TrunklineError PROTOCOL for a frame that may not come now, INTERNAL for a command that may not */
export function nextPhase(phase: StreamPhase, input: StreamInput): StreamPhase {
  const next = TRANSITIONS[phase][input];
  if (next !== undefined) return next;
  const isRemote = input.startsWith('receive');
  throw new TrunklineError(isRemote ? 'PROTOCOL' : 'INTERNAL', `${input} while the stream is ${phase}`);
}
