import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { RelayOptions } from '../../relay/index.js';
import type { RelayReport } from './relay-child.js';

export class RelayProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(options: RelayOptions = {}): Promise<RelayProcess> {
    const child = fork(fileURLToPath(new URL('./relay-child.ts', import.meta.url)), [JSON.stringify(options)], {
      execArgv: ['--import', 'tsx', '--expose-gc'],
    });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new RelayProcess(child, `ws://127.0.0.1:${port}/trunkline`);
  }

  async report(): Promise<RelayReport> {
    const answer = once(this.child, 'message');
    this.child.send('report');
    const [report] = (await answer) as [RelayReport];
    return report;
  }

  /** No goodbye of any kind. */
  async kill(): Promise<void> {
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }

  /** In order; resolves with the exit code once the process has ended by itself. */
  async close(): Promise<number | null> {
    const exit = once(this.child, 'exit');
    this.child.send('close');
    const [code] = (await exit) as [number | null];
    return code;
  }
}
