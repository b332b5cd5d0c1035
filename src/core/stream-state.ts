import { TrunklineError } from '../protocol/errors.js';

/**
 * A stream's life at its endpoint. Each direction's own progress (open, ending, ended, acknowledged) is kept by its
 * half; this is what both share.
 *
 *              send OPEN                    receive OPEN
 *   new ──────────────────> opening    new ─────────────> incoming
 *                              │ receive ACCEPT              │ send ACCEPT
 *                              └───────────> open <──────────┘
 *                                             │ both halves done
 *             send or receive RESET           v
 *   any ─────────────────────────────────> closed
 */
export type StreamPhase = 'new' | 'opening' | 'incoming' | 'open' | 'closed';

export type StreamInput =
  | 'send OPEN'
  | 'receive OPEN'
  | 'send ACCEPT'
  | 'send RESET'
  | 'both halves done'
  | 'receive ACCEPT'
  | 'receive RESET'
  | 'receive DATA'
  | 'receive CREDIT'
  | 'receive END'
  | 'receive END_ACK'
  | 'receive OFFER'
  | 'receive REFUSE';

/** What is absent is a breach by the peer (a received frame) or a defect of ours (a command). */
const TRANSITIONS: Readonly<Record<StreamPhase, Partial<Record<StreamInput, StreamPhase>>>> = {
  new: { 'send OPEN': 'opening', 'receive OPEN': 'incoming', 'send RESET': 'closed' },
  opening: { 'receive ACCEPT': 'open', 'receive RESET': 'closed', 'send RESET': 'closed' },
  incoming: {
    'send ACCEPT': 'open',
    'receive DATA': 'incoming',
    'receive END': 'incoming',
    'receive RESET': 'closed',
    'send RESET': 'closed',
  },
  open: {
    'receive DATA': 'open',
    'receive CREDIT': 'open',
    'receive END': 'open',
    'receive END_ACK': 'open',
    'receive OFFER': 'open',
    'receive REFUSE': 'open',
    'receive RESET': 'closed',
    'send RESET': 'closed',
    'both halves done': 'closed',
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
