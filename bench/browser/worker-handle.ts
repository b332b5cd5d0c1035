import { type ChildProcess, fork } from 'node:child_process';
import type { CarrierName } from '../carriers/carrier.js';
import { WORKER_SCRIPT } from './bundles.js';
import type { Answer } from './protocol.js';
import type { WorkerOrder, WorkerRole } from './worker.js';

const ORDER_TIMEOUT_MS = 10_000;

/** This side of a worker process. One order at a time. */
export class WorkerHandle {
  private waiting: { resolve: (result: number) => void; reject: (error: Error) => void } | undefined;
  private readonly exited: Promise<void>;

  private constructor(
    private readonly process: ChildProcess,
    private readonly title: string,
  ) {
    process.on('message', (answer: Answer) => {
      if ('result' in answer) this.waiting?.resolve(answer.result as number);
      else this.waiting?.reject(new Error(`${title}: ${answer.failure}`));
    });
    this.exited = new Promise((resolve) => {
      process.once('exit', (code, signal) => {
        this.waiting?.reject(new Error(`${title} exited (${code ?? signal})`));
        resolve();
      });
    });
  }

  static async spawn(carrier: CarrierName, role: WorkerRole): Promise<WorkerHandle> {
    const worker = new WorkerHandle(fork(WORKER_SCRIPT, [carrier, role]), `${carrier} ${role}`);
    await worker.answer();
    return worker;
  }

  order(order: WorkerOrder): Promise<number> {
    const answer = this.answer();
    this.process.send(order);
    return answer;
  }

  async stop(): Promise<void> {
    if (this.process.connected) this.process.disconnect();
    await this.exited;
  }

  private async answer(): Promise<number> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.waiting = { resolve, reject };
        timer = setTimeout(() => reject(new Error(`${this.title} does not answer`)), ORDER_TIMEOUT_MS);
      });
    } finally {
      clearTimeout(timer);
    }
  }
}
