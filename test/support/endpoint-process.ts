import type { ConnectTunnelOptions } from '../../src/index.js';
import type { EndpointState, ListenOptions, StreamReport, TransferOptions } from './endpoint-child.js';
import { ForkedProcess } from './relay-process.js';

export type { EndpointState, ListenOptions, StreamReport, TransferOptions };

/** A process with one tunnel, that serves names, or moves bytes and checks them; or both. */
export class EndpointProcess {
  /** What it has told last; kept up to date, until it is frozen or gone. */
  state: EndpointState = { tunnel: [], listeners: [], streams: [] };
  private process!: ForkedProcess;

  private constructor() {}

  /** Resolves once its tunnel is open. */
  static async start(url: string, options: ConnectTunnelOptions = {}): Promise<EndpointProcess> {
    const endpoint = new EndpointProcess();
    const { process } = await ForkedProcess.fork('./endpoint-child.ts', { url, options }, (told) => {
      endpoint.state = told as EndpointState;
    });
    endpoint.process = process;
    return endpoint;
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Resolves once it holds the name. Each stream is answered with the label and a line feed, and then with its own bytes. */
  listen(options: ListenOptions): Promise<void> {
    return this.process.ask('listen', options);
  }

  /** Gives the name back. */
  unlisten(name: string): Promise<void> {
    return this.process.ask('unlisten', name);
  }

  /**
   * Connects, sends seeded bytes and checks every byte of the echo. Resolves once the stream is closed, whether that went
   * well or not (the report says); rejects when the process is gone. Meanwhile `state` tells.
   */
  transfer(options: TransferOptions): Promise<StreamReport> {
    return this.process.ask('transfer', options);
  }

  /** All transfers that have `holdAtBytes` write on, also those that have not come so far yet. */
  proceed(): Promise<void> {
    return this.process.ask('proceed');
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

  /** Closes its tunnel; resolves with the exit code once the process has ended by itself. */
  async close(): Promise<number | null> {
    await this.process.ask('close');
    return (await this.process.exited).code;
  }
}
