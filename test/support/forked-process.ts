import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ChildMessage, ChildQuestion } from './child-answers.js';
import { until } from './until.js';

/** A child that outlived the tests would keep its port, and a frozen one would never notice that they are over. */
const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** A TypeScript program in a process of its own, with questions and answers over IPC, that signals can be sent to. */
export class ForkedProcess {
  private readonly waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  private questions = 0;
  /** Once it is gone. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  protected constructor(
    private readonly child: ChildProcess,
    private readonly handleTold: (told: unknown) => void,
  ) {
    alive.add(child);
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        alive.delete(child);
        resolve({ code, signal });
      });
    });
    // Comes after the last message, which 'exit' need not.
    child.once('disconnect', () => {
      for (const { reject } of this.waiting.values()) reject(new Error('the child process is gone'));
      this.waiting.clear();
    });
    child.on('message', (message: ChildMessage) => this.handle(message));
  }

  /** Starts it; resolves with what it answers to the question 'start'. */
  static async fork<Answer>(
    file: string,
    argument: unknown,
    handleTold: (told: unknown) => void = () => {},
  ): Promise<{ process: ForkedProcess; answer: Answer }> {
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), { execArgv: ['--import', 'tsx', '--expose-gc'] });
    const process = new ForkedProcess(child, handleTold);
    try {
      return { process, answer: await process.ask<Answer>('start', argument) };
    } catch (error) {
      await process.kill();
      throw error;
    }
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Rejects when the child says so, or when it is gone before it answers. */
  ask<Answer>(command: string, argument?: unknown): Promise<Answer> {
    const question = this.questions++;
    return new Promise<Answer>((resolve, reject) => {
      this.waiting.set(question, { resolve: resolve as (value: unknown) => void, reject });
      this.child.send({ question, command, argument } satisfies ChildQuestion, (error) => {
        if (error && this.waiting.delete(question)) reject(error);
      });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** No goodbye of any kind; also for one that is frozen. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  /** Its sockets stay open, the kernel goes on to acknowledge what arrives, and nothing in it runs. */
  async freeze(): Promise<void> {
    this.signal('SIGSTOP');
    await until(() => isStopped(this.pid), 'the process to stop');
  }

  thaw(): void {
    this.signal('SIGCONT');
  }

  private handle(message: ChildMessage): void {
    if ('told' in message) return this.handleTold(message.told);
    const waiting = this.waiting.get(message.answer);
    this.waiting.delete(message.answer);
    if (message.error === undefined) waiting?.resolve(message.value);
    else waiting?.reject(Object.assign(new Error(message.error.message), message.error));
  }
}

/** What runs in a forked process: another one after each restart. */
export abstract class ForkedProgram {
  protected abstract process: ForkedProcess;

  get pid(): number {
    return this.process.pid;
  }

  /** No goodbye of any kind; also when it is frozen. */
  kill(): Promise<void> {
    return this.process.kill();
  }

  /** Its sockets stay open, and nothing in it runs. */
  freeze(): Promise<void> {
    return this.process.freeze();
  }

  thaw(): void {
    this.process.thaw();
  }

  /** In order; resolves with the exit code once the process has ended by itself. */
  async close(): Promise<number | null> {
    await this.process.ask('close');
    return (await this.process.exited).code;
  }
}

/** The signal is under way when `kill` returns. */
function isStopped(pid: number): boolean {
  // What stands before the state in Linux's file is the name of the program, in brackets.
  if (process.platform === 'linux') return /\) T /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  return execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'latin1' }).startsWith('T');
}
