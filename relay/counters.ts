/** What the relay counts since it started. The glossary is docs/relay.md; active = opened - closed. */
export class Counters {
  tunnelsOpened = 0;
  tunnelsClosed = 0;
  namesCreated = 0;
  namesDestroyed = 0;
  connectsRequested = 0;
  connectsMatched = 0;
  connectsRefused = 0;
  connectsExpired = 0;
  connectsCanceled = 0;
  resumesRequested = 0;
  resumesMatched = 0;
  resumesRefused = 0;
  resumesExpired = 0;
  resumesCanceled = 0;
  splicesClosed = 0;
  splicesDetached = 0;
}

/** What became of requests; pending = requested - all the others. */
export interface RequestStats {
  requested: number;
  matched: number;
  refused: number;
  expired: number;
  canceled: number;
  pending: number;
}

export interface RelayStats {
  tunnels: { opened: number; closed: number; active: number };
  /** `reserved`: those of the active ones whose listener is away and expected back. */
  names: { created: number; destroyed: number; active: number; reserved: number };
  connects: RequestStats;
  /** Streams that were to be carried on after one end had lost its connection. */
  resumes: RequestStats;
  /** `detached`: those of the closed ones whose stream may be carried on. */
  splices: { opened: number; closed: number; active: number; detached: number };
}

export function toStats(counters: Counters, namesReserved = 0): RelayStats {
  return {
    tunnels: balance(counters.tunnelsOpened, counters.tunnelsClosed),
    names: {
      created: counters.namesCreated,
      destroyed: counters.namesDestroyed,
      active: counters.namesCreated - counters.namesDestroyed,
      reserved: namesReserved,
    },
    connects: withPending({
      requested: counters.connectsRequested,
      matched: counters.connectsMatched,
      refused: counters.connectsRefused,
      expired: counters.connectsExpired,
      canceled: counters.connectsCanceled,
    }),
    resumes: withPending({
      requested: counters.resumesRequested,
      matched: counters.resumesMatched,
      refused: counters.resumesRefused,
      expired: counters.resumesExpired,
      canceled: counters.resumesCanceled,
    }),
    splices: {
      ...balance(counters.connectsMatched + counters.resumesMatched, counters.splicesClosed),
      detached: counters.splicesDetached,
    },
  };
}

function withPending(outcomes: Omit<RequestStats, 'pending'>): RequestStats {
  const { requested, matched, refused, expired, canceled } = outcomes;
  return { ...outcomes, pending: requested - matched - refused - expired - canceled };
}

function balance(opened: number, closed: number): { opened: number; closed: number; active: number } {
  return { opened, closed, active: opened - closed };
}
