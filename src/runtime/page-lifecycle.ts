/**
 * What the platform tells about the life of this page or process. Both halves hold a listener at the platform only while
 * somebody here listens: one, however many tunnels there are.
 */

type Callback = () => void;
/** Starts to listen at the platform; returns how to stop. */
type Source = (tell: Callback) => Callback;

/**
 * Calls when a connection that was not worth a try may be worth one now: the network is back, or a page that slept is
 * awake. May call several times for one awakening. Node tells nothing of the kind.
 */
export function onWake(callback: Callback): Callback {
  return wake.subscribe(callback);
}

/**
 * Calls when this page or process ends for good, at the last moment: what is to be sent must be sent in the call. A page
 * that goes into the back/forward cache has not ended. A process that a signal kills, or a page that the browser drops
 * from memory, is told nothing.
 */
export function onLeave(callback: Callback): Callback {
  return leave.subscribe(callback);
}

class Announcement {
  private readonly subscriptions = new Set<{ callback: Callback }>();
  private stop: Callback = () => {};

  constructor(private readonly source: Source) {}

  subscribe(callback: Callback): Callback {
    // An object of its own: the same function may be given twice.
    const subscription = { callback };
    this.subscriptions.add(subscription);
    if (this.subscriptions.size === 1) this.stop = this.source(() => this.tell());
    return () => {
      if (this.subscriptions.delete(subscription) && this.subscriptions.size === 0) this.stop();
    };
  }

  /** What is thrown comes out in the end, where the platform reports it, when all have been called. */
  private tell(): void {
    const errors: unknown[] = [];
    for (const subscription of [...this.subscriptions]) {
      // An earlier one may have ended this one.
      if (!this.subscriptions.has(subscription)) continue;
      try {
        subscription.callback();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 1) throw new AggregateError(errors, 'several callbacks failed');
    if (errors.length === 1) throw errors[0];
  }
}

const wake = new Announcement((tell) => {
  if (!isPageOrWorker()) return () => {};
  const stops = [listen(globalThis, 'online', tell), listen(globalThis, 'pageshow', tell)];
  if (typeof document !== 'undefined') {
    const page = document;
    stops.push(
      listen(page, 'visibilitychange', () => {
        if (page.visibilityState === 'visible') tell();
      }),
    );
  }
  return () => {
    for (const stop of stops) stop();
  };
});

const leave = new Announcement((tell) => {
  if (isPageOrWorker()) {
    return listen(globalThis, 'pagehide', (event) => {
      if (!(event as PageTransitionEvent).persisted) tell();
    });
  }
  if (typeof process === 'undefined') return () => {};
  process.on('exit', tell);
  return () => process.off('exit', tell);
});

/** Asked before `process`: bundlers give pages one that only looks like Node's. */
function isPageOrWorker(): boolean {
  return typeof globalThis.addEventListener === 'function';
}

function listen(target: EventTarget, type: string, callback: (event: Event) => void): Callback {
  target.addEventListener(type, callback);
  return () => target.removeEventListener(type, callback);
}
