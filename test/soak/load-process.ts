import { ForkedProcess } from '../support/forked-process.js';
import type { ProcessSample } from '../support/process-meter.js';
import type { LoadChildOptions, LoadReport } from './load-child.js';

/** A child that tells of its memory and its event loop. */
class MeasuredProcess {
  protected constructor(protected readonly process: ForkedProcess) {}

  measure(): Promise<ProcessSample> {
    return this.process.ask('measure');
  }

  /** Resolves with the exit code once the process has ended by itself: no timer and no socket holds it. */
  async end(): Promise<number | null> {
    await this.process.ask('end');
    return (await this.process.exited).code;
  }

  kill(): Promise<void> {
    return this.process.kill();
  }
}

/** The clients or the listeners of a mixed load; see load-child.ts. */
export class LoadProcess extends MeasuredProcess {
  /** Resolves once the load has begun. */
  static async start(options: LoadChildOptions): Promise<LoadProcess> {
    const { process } = await ForkedProcess.fork('../soak/load-child.ts', options);
    return new LoadProcess(process);
  }

  report(): Promise<LoadReport> {
    return this.process.ask('report');
  }

  /** Pauses are over, and everything goes as fast as it can. */
  windUp(): Promise<void> {
    return this.process.ask('windUp');
  }

  /** Opens nothing more; resolves when every stream is closed. */
  finish(): Promise<void> {
    return this.process.ask('finish');
  }

  /** What tunnels without streams should not have. */
  leftOnTunnels(): Promise<string[]> {
    return this.process.ask('leftOnTunnels');
  }

  closeTunnels(): Promise<void> {
    return this.process.ask('closeTunnels');
  }

  leftOfClosedTunnels(): Promise<string[]> {
    return this.process.ask('leftOfClosedTunnels');
  }
}

/** Shows what the machine does to a process that does nothing; see bystander-child.ts. */
export class Bystander extends MeasuredProcess {
  static async start(): Promise<Bystander> {
    const { process } = await ForkedProcess.fork('../soak/bystander-child.ts', undefined);
    return new Bystander(process);
  }
}
