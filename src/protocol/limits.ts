/**
 * What each side announces (HELLO, WELCOME) and then enforces. All are options; a peer that goes past one gets the
 * typed refusal named here, never silence (PROTOCOL.md section 11).
 */
export interface Limits {
  /** Largest DATA payload accepted, bytes. Over it: GOAWAY PROTOCOL. Default 65,536. */
  maxFrameBytes: number;
  /** Largest message (one or more frames) accepted, bytes. Over it: GOAWAY PROTOCOL. Default 131,072. */
  maxMessageBytes: number;
  /** Streams the peer may have open at once. Over it: RESET LIMIT_STREAMS. Default 1,024. */
  maxStreams: number;
  /** Bytes that may follow an OPEN before its ACCEPT. Over it: GOAWAY FLOW_CONTROL. Default 16,384. */
  earlyWindowBytes: number;
  /** Largest meta, bytes of UTF-8 JSON. Over it: RESET LIMIT_BYTES. Default 8,192. */
  maxMetaBytes: number;
  /** Connects the peer may have unanswered at once. Over it: RESET LIMIT_STREAMS. Default 32. */
  maxPendingConnects: number;
  /** Names the peer may hold at once. Over it: RESET LIMIT_NAMES. Default 16. */
  maxNames: number;
}

export const DEFAULT_LIMITS: Readonly<Limits> = Object.freeze({
  maxFrameBytes: 64 * 1024,
  maxMessageBytes: 128 * 1024,
  maxStreams: 1024,
  earlyWindowBytes: 16 * 1024,
  maxMetaBytes: 8 * 1024,
  maxPendingConnects: 32,
  maxNames: 16,
});

/** Lowest and highest value that still makes a working protocol. The lengths on the wire end at 24 bits. */
const RANGES: Readonly<Record<keyof Limits, readonly [number, number]>> = {
  maxFrameBytes: [1024, 1024 * 1024],
  maxMessageBytes: [20 * 1024, 16 * 1024 * 1024],
  maxStreams: [1, 0x7fff_ffff],
  earlyWindowBytes: [0, 64 * 1024],
  // A meta must fit a control frame together with what surrounds it (MAX_CONTROL_PAYLOAD_BYTES).
  maxMetaBytes: [0, 12 * 1024],
  maxPendingConnects: [1, 1_000_000],
  maxNames: [0, 1_000_000],
};

export const LIMIT_NAMES = Object.keys(RANGES) as (keyof Limits)[];

export function isLimitInRange(name: keyof Limits, value: unknown): value is number {
  const [lowest, highest] = RANGES[name];
  return Number.isSafeInteger(value) && (value as number) >= lowest && (value as number) <= highest;
}

/** @throws RangeError naming the option, its range and what was given */
export function resolveLimits(given: Partial<Limits> = {}): Limits {
  const limits: Limits = { ...DEFAULT_LIMITS };
  for (const name of LIMIT_NAMES) {
    const value = given[name];
    if (value === undefined) continue;
    if (!isLimitInRange(name, value)) {
      throw new RangeError(
        `limits.${name} must be a whole number from ${RANGES[name][0]} to ${RANGES[name][1]}, not ${String(value)}`,
      );
    }
    limits[name] = value;
  }
  if (!canCarryFrames(limits)) {
    throw new RangeError('limits.maxMessageBytes must exceed limits.maxFrameBytes by at least 1024 bytes');
  }
  return limits;
}

/** Else a frame that is allowed would fit no message that is. */
export function canCarryFrames({ maxMessageBytes, maxFrameBytes }: Limits): boolean {
  return maxMessageBytes >= maxFrameBytes + 1024;
}

/** What is assumed of a peer until its HELLO or WELCOME is here: the defaults, and no early data (R26). */
export const LIMITS_BEFORE_HANDSHAKE: Readonly<Limits> = Object.freeze({ ...DEFAULT_LIMITS, earlyWindowBytes: 0 });
