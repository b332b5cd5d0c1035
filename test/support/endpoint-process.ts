import type { ConnectTunnelOptions } from '../../src/index.js';
import type { EndpointState, ListenOptions, StreamReport, TransferOptions } from './endpoint-child.js';
import { ForkedProcess, ForkedProgram } from './forked-process.js';

export type { EndpointState, ListenOptions, StreamReport, TransferOptions };

/** A process with one tunnel, that serves names, or moves bytes and checks them; or both. */
export class EndpointProcess extends ForkedProgram {
  /** What it has told last; kept up to date, until it is frozen or gone. */
  state: EndpointState = { tunnel: [], listeners: [], streams: [] };
  protected process!: ForkedProcess;

  private constructor() {
    super();
  }

  /** Resolves once its tunnel is open. */
  static async start(url: string, options: ConnectTunnelOptions = {}): Promise<EndpointProcess> {
    const endpoint = new EndpointProcess();
    const { process } = await ForkedProcess.fork('./endpoint-child.ts', { url, options }, (told) => {
      endpoint.state = told as EndpointState;
    });
    endpoint.process = process;
    return endpoint;
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
}
