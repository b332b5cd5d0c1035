import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { onLeave, onWake } from '../../src/runtime/page-lifecycle.js';

/** An EventTarget that knows how many listen. */
class Target extends EventTarget {
  readonly listening: string[] = [];

  override addEventListener = (type: string, callback: EventListener): void => {
    this.listening.push(type);
    super.addEventListener(type, callback);
  };

  override removeEventListener = (type: string, callback: EventListener): void => {
    this.listening.splice(this.listening.indexOf(type), 1);
    super.removeEventListener(type, callback);
  };

  fire(type: string, properties: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(type), properties));
  }
}

class FakePage {
  readonly window = new Target();
  readonly document = Object.assign(new Target(), { visibilityState: 'visible' });

  constructor({ worker = false } = {}) {
    vi.stubGlobal('addEventListener', this.window.addEventListener);
    vi.stubGlobal('removeEventListener', this.window.removeEventListener);
    if (!worker) vi.stubGlobal('document', this.document);
  }

  get listening(): string[] {
    return [...this.window.listening, ...this.document.listening].sort();
  }
}

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  vi.unstubAllGlobals();
});

function record(subscribe: typeof onWake): { calls: number; stop: () => void } {
  const told = { calls: 0, stop: subscribe(() => void told.calls++) };
  stops.push(told.stop);
  return told;
}

describe('onWake in a page', () => {
  it('tells of online, of pageshow, and of the page becoming visible', () => {
    const page = new FakePage();
    const told = record(onWake);
    page.window.fire('online');
    expect(told.calls).toBe(1);
    page.window.fire('pageshow', { persisted: true });
    expect(told.calls).toBe(2);
    page.document.fire('visibilitychange');
    expect(told.calls).toBe(3);
  });

  it('says nothing when the page becomes hidden', () => {
    const page = new FakePage();
    const told = record(onWake);
    page.document.visibilityState = 'hidden';
    page.document.fire('visibilitychange');
    expect(told.calls).toBe(0);
  });

  it('listens once, however many are told, and no longer than there is one', () => {
    const page = new FakePage();
    const [first, second] = [record(onWake), record(onWake)];
    expect(page.listening).toEqual(['online', 'pageshow', 'visibilitychange']);
    page.window.fire('online');
    first.stop();
    first.stop();
    page.window.fire('online');
    expect([first.calls, second.calls]).toEqual([1, 2]);
    second.stop();
    expect(page.listening).toEqual([]);
    page.window.fire('online');
    expect(second.calls).toBe(2);

    const third = record(onWake);
    page.window.fire('online');
    expect(third.calls).toBe(1);
  });

  it('works in a worker, which has no document', () => {
    const page = new FakePage({ worker: true });
    const told = record(onWake);
    page.window.fire('online');
    expect(told.calls).toBe(1);
  });
});

describe('onWake in Node', () => {
  it('has nothing to tell', () => {
    const before = process.eventNames().map((name) => process.listenerCount(name));
    const told = record(onWake);
    expect(process.eventNames().map((name) => process.listenerCount(name))).toEqual(before);
    told.stop();
    expect(told.calls).toBe(0);
  });
});

describe('onLeave in a page', () => {
  it('tells of a pagehide, but not of one into the back/forward cache', () => {
    const page = new FakePage();
    const told = record(onLeave);
    page.window.fire('pagehide', { persisted: true });
    expect(told.calls).toBe(0);
    page.window.fire('pagehide', { persisted: false });
    expect(told.calls).toBe(1);
    told.stop();
    expect(page.listening).toEqual([]);
  });

  it('leaves a `process` that a bundler brought alone', () => {
    const page = new FakePage();
    vi.stubGlobal('process', { env: {} });
    record(onLeave);
    expect(page.listening).toEqual(['pagehide']);
  });
});

describe('onLeave in Node', () => {
  /** What Node itself would call at the exit, for the listeners that came since. */
  function newExitListeners(before: readonly unknown[]): NodeJS.ExitListener[] {
    return process.listeners('exit').filter((listener) => !before.includes(listener));
  }

  it('has one listener at the process for all, and none when nobody is left to tell', () => {
    const before = process.listeners('exit');
    const all = Array.from({ length: 20 }, () => record(onLeave));
    const [listener, ...others] = newExitListeners(before);
    expect(others).toEqual([]);
    listener!(0);
    expect(all.map(({ calls }) => calls)).toEqual(all.map(() => 1));
    for (const { stop } of all) stop();
    expect(process.listeners('exit')).toEqual(before);
  });

  it('tells the same function once for each time it was given', () => {
    const before = process.listeners('exit');
    const callback = vi.fn();
    stops.push(onLeave(callback), onLeave(callback));
    newExitListeners(before)[0]!(0);
    expect(callback).toHaveBeenCalledTimes(2);
    stops[0]!();
    newExitListeners(before)[0]!(0);
    expect(callback).toHaveBeenCalledTimes(3);
  });

  it('tells the others when one throws, and what was thrown comes out', () => {
    const before = process.listeners('exit');
    const thrown = [new Error('first'), new Error('second')] as const;
    const fail = (error: Error) => onLeave(() => raise(error));
    stops.push(fail(thrown[0]));
    const told = record(onLeave);
    const [listener] = newExitListeners(before);
    expect(() => listener!(0)).toThrow(thrown[0]);
    expect(told.calls).toBe(1);

    stops.push(fail(thrown[1]));
    expect(() => listener!(0)).toThrow(expect.objectContaining({ errors: [...thrown] }) as Error);
    expect(told.calls).toBe(2);
  });

  it('does not tell who was taken off meanwhile, nor who came meanwhile', () => {
    const before = process.listeners('exit');
    let late: { calls: number } | undefined;
    stops.push(
      onLeave(() => {
        second.stop();
        late ??= record(onLeave);
      }),
    );
    const second = record(onLeave);
    newExitListeners(before)[0]!(0);
    expect([second.calls, late!.calls]).toEqual([0, 0]);
  });

  it.each([
    ['ends by itself', ''],
    ['is told to', 'setInterval(() => {}, 1000); process.exit(0);'],
  ])('tells when the process %s, and keeps none alive', async (_how, more) => {
    const module = new URL('../../src/runtime/page-lifecycle.ts', import.meta.url).href;
    const program = `import { onLeave } from ${JSON.stringify(module)}; onLeave(() => console.log('left')); ${more}`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', program];
    expect((await promisify(execFile)(process.execPath, args)).stdout).toBe('left\n');
  });
});

function raise(error: Error): never {
  throw error;
}
