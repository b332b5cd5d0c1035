import type { RelayOptions } from '../../relay/index.js';
import { ForkedProcess, ForkedProgram } from './forked-process.js';
import type { ProcessSample } from './process-meter.js';
import type { RelayChildOptions, RelayReport } from './relay-child.js';

/** A relay on a port that stays the same however often it dies. */
export class RelayProcess extends ForkedProgram {
  private constructor(
    protected process: ForkedProcess,
    private readonly options: RelayChildOptions,
    readonly port: number,
  ) {
    super();
  }

  /** @param drainGraceMs what SIGTERM gives the peers */
  static async start(options: RelayOptions = {}, { port = 0, drainGraceMs = 30_000 } = {}): Promise<RelayProcess> {
    const childOptions = { relay: options, port, drainGraceMs };
    const { process, answer } = await ForkedProcess.fork<{ port: number }>('./relay-child.ts', childOptions);
    return new RelayProcess(process, childOptions, answer.port);
  }

  /** The same in every life. */
  get url(): string {
    return `ws://127.0.0.1:${this.port}/trunkline`;
  }

  /** A new relay, that knows nothing of the old one, on the same port. The old one must be gone. */
  async restart(options: RelayOptions = this.options.relay): Promise<void> {
    const childOptions = { ...this.options, relay: options, port: this.port };
    ({ process: this.process } = await ForkedProcess.fork('./relay-child.ts', childOptions));
  }

  report(): Promise<RelayReport> {
    return this.process.ask('report');
  }

  /** Its memory, and the delay of its event loop since it was asked last. */
  measure(): Promise<ProcessSample> {
    return this.process.ask('measure');
  }

  /** What a relay without tunnels should not have. */
  left(): Promise<string[]> {
    return this.process.ask('left');
  }

  /** SIGTERM: the relay drains. Resolves with the exit code once the process has ended by itself. */
  async drain(): Promise<number | null> {
    this.process.signal('SIGTERM');
    return (await this.process.exited).code;
  }
}
