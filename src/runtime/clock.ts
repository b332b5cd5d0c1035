/** Time, as the runtime sees it. Tests put a virtual one here. */
export interface Clock {
  /** Milliseconds since some fixed moment; never runs backwards. */
  now(): number;
  /** Calls once, `delayMs` from now at the earliest; returns how to call it off. */
  setTimer(delayMs: number, callback: () => void): () => void;
  /** Calls once, as soon as what runs now is done: what is written in one go leaves in one message. */
  defer(callback: () => void): void;
}

/** `setTimeout` treats anything above as 1 ms. */
const MAX_TIMER_MS = 0x7fff_ffff;

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(Math.ceil(delayMs), 0), MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
  defer: (callback) => queueMicrotask(callback),
};
