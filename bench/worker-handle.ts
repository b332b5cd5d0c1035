import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { CarrierName } from './carriers/carrier.js';
import { countAsOwn } from './own-cpu.js';
import type { Usage } from './usage.js';
import type { Order } from './worker.js';
import { WORKER_SCRIPT } from './worker-script.js';

export type Role = 'client' | 'relay' | 'listener';

type Answer = { result: unknown } | { failure: string };

/** A stream that stalls must end the run, not hang it. */
const ORDER_TIMEOUT_MS = 60_000;

/** This side of a worker process. Orders are carried out one after the other. */
export class WorkerHandle {
  private waiting: { resolve: (result: unknown) => void; reject: (error: Error) => void } | undefined;
  private lastOrder: Promise<unknown> = Promise.resolve();
  private readonly exited: Promise<void>;
  private readonly endCounting = countAsOwn(async () => (await this.usage()).cpuMs);

  private constructor(
    private readonly process: ChildProcess,
    title: string,
  ) {
    this.exited = new Promise((resolve) => process.once('exit', () => resolve()));
    process.on('message', (answer: Answer) => {
      const { waiting } = this;
      this.waiting = undefined;
      if ('result' in answer) waiting?.resolve(answer.result);
      else waiting?.reject(new Error(`${title}: ${answer.failure}`));
    });
    process.once('exit', (code, signal) => this.waiting?.reject(new Error(`${title} exited (${code ?? signal})`)));
  }

  static async spawn(carrier: CarrierName, role: Role, profileDirectory?: string): Promise<WorkerHandle> {
    const title = `${carrier}-${role}`;
    const profile = profileDirectory === undefined ? [] : [join(profileDirectory, `${title}.cpuprofile`)];
    const process = fork(WORKER_SCRIPT, [carrier, role, ...profile], { execArgv: ['--expose-gc'] });
    const worker = new WorkerHandle(process, title);
    await worker.answer();
    return worker;
  }

  /** Whoever measures and whoever counts CPU may ask at the same time. */
  order(order: Order): Promise<unknown> {
    const result = this.lastOrder.then(() => this.carryOut(order));
    this.lastOrder = result.catch(() => {});
    return result;
  }

  private async carryOut(order: Order): Promise<unknown> {
    const answer = this.answer();
    this.process.send(order);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), ORDER_TIMEOUT_MS);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  async usage(collect = false): Promise<Usage> {
    return (await this.order({ kind: 'usage', collect })) as Usage;
  }

  /** Resolves when the process is gone, and its profile written. */
  async stop(): Promise<void> {
    if (this.process.connected) {
      await this.endCounting();
      this.process.disconnect();
    }
    await this.exited;
  }

  private answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
    });
  }
}
