/**
 * The closed set of error codes (PROTOCOL.md section 12). One vocabulary in page, Node and relay, in RESET, DETACH, REFUSE and GOAWAY.
 * `retryable`: the same call may succeed later without anybody changing code or configuration.
 */
export const CODES = {
  NO_LISTENER: { retryable: true, meaning: 'nobody listens on that name' },
  NAME_TAKEN: { retryable: true, meaning: 'another listener holds the name, or it is kept for one that was lost' },
  SUPERSEDED: { retryable: false, meaning: 'a newer listener of the same owner has the name' },
  BAD_NAME: { retryable: false, meaning: 'the name breaks the grammar' },
  UNAUTHENTICATED: { retryable: false, meaning: 'no valid token' },
  FORBIDDEN: { retryable: false, meaning: 'the token or this peer does not allow that' },
  TOKEN_EXPIRED: { retryable: true, meaning: 'the token has run out; bring a new one' },
  REFUSED: { retryable: false, meaning: 'the listening application said no' },
  ACCEPT_TIMEOUT: { retryable: true, meaning: 'the listener did not answer in time' },
  LISTENER_GONE: { retryable: true, meaning: 'the listener went away' },
  CANCELED: { retryable: false, meaning: 'the other side, or the caller, gave it up' },
  LIMIT_STREAMS: { retryable: true, meaning: 'too many streams, pending connects or re-opens' },
  LIMIT_NAMES: { retryable: false, meaning: 'too many names on one tunnel' },
  LIMIT_RATE: { retryable: true, meaning: 'too much, too fast' },
  LIMIT_BYTES: { retryable: false, meaning: 'too large' },
  RESUME_UNKNOWN: { retryable: false, meaning: 'the peer does not know that stream' },
  RESUME_EXPIRED: { retryable: false, meaning: 'the stream stayed without a connection for too long' },
  TUNNEL_CLOSED: { retryable: false, meaning: 'the tunnel was closed on purpose' },
  GOING_AWAY: { retryable: true, meaning: 'the peer shuts down, or ends this tunnel' },
  FLOW_CONTROL: { retryable: false, meaning: 'more bytes were sent than credit allowed' },
  PROTOCOL: { retryable: false, meaning: 'the peer broke the protocol' },
  HANDSHAKE_TIMEOUT: { retryable: true, meaning: 'no complete handshake in time' },
  CONNECTION_LOST: { retryable: true, meaning: 'the connection died' },
  INTERNAL: { retryable: false, meaning: 'a defect; please report it' },
} as const satisfies Record<string, { retryable: boolean; meaning: string }>;

export type ErrorCode = keyof typeof CODES;

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(CODES, value);
}
