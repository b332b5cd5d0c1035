import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import type { Profile } from './profile-shares.js';

export const DEBUGGING_ARGUMENTS = ['--remote-debugging-port=0'];
const SAMPLING_INTERVAL_US = 250;

interface Reply {
  id?: number;
  result?: unknown;
  error?: { message: string };
}

/** Chromium's profiler, at the page of a browser that was started with `DEBUGGING_ARGUMENTS`. */
export class PageProfiler {
  private lastId = 0;

  private constructor(private readonly webSocket: WebSocket) {}

  static async attach(userDataDirectory: string): Promise<PageProfiler> {
    const [port] = (await readFile(join(userDataDirectory, 'DevToolsActivePort'), 'utf8')).split('\n');
    const response = await fetch(`http://127.0.0.1:${port}/json/list`);
    const targets = (await response.json()) as { type: string; webSocketDebuggerUrl: string }[];
    const page = targets.find(({ type }) => type === 'page');
    if (page === undefined) throw new Error('the browser has no page');
    const webSocket = new WebSocket(page.webSocketDebuggerUrl, { perMessageDeflate: false });
    await once(webSocket, 'open');
    return new PageProfiler(webSocket);
  }

  async start(): Promise<void> {
    await this.call('Profiler.enable');
    await this.call('Profiler.setSamplingInterval', { interval: SAMPLING_INTERVAL_US });
    await this.call('Profiler.start');
  }

  async stop(): Promise<Profile> {
    const { profile } = (await this.call('Profiler.stop')) as { profile: Profile };
    await this.call('Profiler.disable');
    return profile;
  }

  detach(): void {
    this.webSocket.close();
  }

  private async call(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.lastId;
    this.webSocket.send(JSON.stringify({ id, method, params }));
    for (;;) {
      const [data] = await once(this.webSocket, 'message');
      const reply = JSON.parse(String(data)) as Reply;
      if (reply.id !== id) continue;
      if (reply.error !== undefined) throw new Error(`${method}: ${reply.error.message}`);
      return reply.result;
    }
  }
}
