/** Time, as the runtime sees it. Tests put a virtual one here. */
export interface Clock {
  /** Milliseconds since some fixed moment; never runs backwards. */
  now(): number;
  /** Calls once, `delayMs` from now at the earliest; returns how to call it off. */
  setTimer(delayMs: number, callback: () => void): () => void;
  /** Calls once, as soon as what runs now is done: what is written in one go leaves in one message. */
  defer(callback: () => void): void;
  /** Calls once, after the platform has had its turn: what has arrived meanwhile is handled first. */
  yieldTurn(callback: () => void): void;
}

/** `setTimeout` treats anything above as 1 ms. */
const MAX_TIMER_MS = 0x7fff_ffff;

const settled = Promise.resolve();

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(Math.ceil(delayMs), 0), MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
  // In Node `queueMicrotask` makes an asynchronous resource of each call, which costs more than most of what is deferred.
  defer: (callback) => void settled.then(callback),
  yieldTurn: createYieldTurn(),
};

/** Not a timer in a page: those of a hidden tab run once a second. */
function createYieldTurn(): (callback: () => void) => void {
  if (typeof setImmediate === 'function') return (callback) => void setImmediate(callback);
  const { port1, port2 } = new MessageChannel();
  const callbacks: (() => void)[] = [];
  port1.onmessage = () => callbacks.shift()?.();
  return (callback) => {
    callbacks.push(callback);
    port2.postMessage(undefined);
  };
}
