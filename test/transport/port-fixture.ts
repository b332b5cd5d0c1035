import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect } from 'vitest';
import { MessagePortConnection, type PortLike } from '../../src/transport/message-port.js';
import { Told } from '../node/framed-fixture.js';
import { until } from '../support/until.js';

export const cleanups: (() => unknown)[] = [];
/** Ends what the tests of this file have left open. */
export function cleanUpAfterEach(): void {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });
}

export function startOn(port: PortLike) {
  const told = new Told();
  const connection = new MessagePortConnection(port);
  connection.start(told);
  cleanups.push(() => connection.terminate());
  return { told, connection };
}

/** Both ends of the platform's own ports. */
export function startPair() {
  const { port1, port2 } = new MessageChannel();
  return { here: startOn(port1), there: startOn(port2) };
}

/** Our end, and what comes out of the other one. */
export function startByHand() {
  const { port1, port2 } = new MessageChannel();
  const posted: unknown[] = [];
  port2.on('message', (data) => posted.push(data));
  cleanups.push(() => port2.close());
  return { ...startOn(port1), peer: port2, posted };
}

export async function startedByHand() {
  const all = startByHand();
  all.peer.postMessage('trunkline.1');
  await until(() => all.connection.isWritable, 'an open connection');
  await until(() => all.posted.length === 2, 'both greetings');
  expect(all.posted.splice(0)).toEqual(['trunkline.1', 'trunkline.1']);
  return all;
}

type Listener = (event: never) => void;

/** A Worker and its global scope, in one process: what comes before anybody listens is lost, and nothing closes it. */
export class ForgetfulPort {
  other: ForgetfulPort | undefined;
  private readonly listening = new Map<string, Set<Listener>>();

  get listeners(): number {
    return [...this.listening.values()].reduce((sum, set) => sum + set.size, 0);
  }

  postMessage(data: unknown, transfer: ArrayBuffer[]): void {
    const copy = structuredClone(data, { transfer });
    setImmediate(() => this.other?.dispatch('message', { data: copy }));
  }

  addEventListener(type: string, listener: Listener): void {
    const set = this.listening.get(type) ?? new Set();
    this.listening.set(type, set.add(listener));
  }

  removeEventListener(type: string, listener: Listener): void {
    this.listening.get(type)?.delete(listener);
  }

  dispatch(type: string, event: object): void {
    for (const listener of this.listening.get(type) ?? []) listener(event as never);
  }
}
