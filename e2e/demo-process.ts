import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Systems take the ports of outgoing connections from above here: one of those might be taken while nobody listens. */
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_000;

/** The demo as `npm start` runs it, on a port that stays the same however often it dies. */
export class DemoProcess {
  private constructor(
    private child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(): Promise<DemoProcess> {
    for (let tries = 0; ; tries++) {
      const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT));
      try {
        const { child, url } = await run(String(port));
        return new DemoProcess(child, url);
      } catch (error) {
        if (tries === 3) throw error;
      }
    }
  }

  /** No goodbye of any kind. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Once it is gone. */
  async restart(): Promise<void> {
    ({ child: this.child } = await run(new URL(this.url).port));
  }

  /** As Ctrl+C or a service manager does it; the exit code. */
  stop(): Promise<number | null> {
    return this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    const [code] = await exited;
    return code as number | null;
  }
}

function run(port: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, ['dist/demo-server.js', '--port', port], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the demo server ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = /http:\/\/\S+/.exec(line)?.[0];
      if (url) resolve({ child, url });
    });
  });
}
