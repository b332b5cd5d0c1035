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
  splicesClosed = 0;
}

export interface RelayStats {
  tunnels: { opened: number; closed: number; active: number };
  names: { created: number; destroyed: number; active: number };
  connects: { requested: number; matched: number; refused: number; expired: number; canceled: number; pending: number };
  splices: { opened: number; closed: number; active: number };
}

export function toStats(counters: Counters): RelayStats {
  const { connectsRequested: requested, connectsMatched: matched, connectsRefused: refused } = counters;
  const { connectsExpired: expired, connectsCanceled: canceled } = counters;
  return {
    tunnels: balance(counters.tunnelsOpened, counters.tunnelsClosed),
    names: {
      created: counters.namesCreated,
      destroyed: counters.namesDestroyed,
      active: counters.namesCreated - counters.namesDestroyed,
    },
    connects: {
      requested,
      matched,
      refused,
      expired,
      canceled,
      pending: requested - matched - refused - expired - canceled,
    },
    splices: balance(matched, counters.splicesClosed),
  };
}

function balance(opened: number, closed: number): { opened: number; closed: number; active: number } {
  return { opened, closed, active: opened - closed };
}
