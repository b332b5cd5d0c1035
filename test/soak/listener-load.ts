import { type StreamListener, StreamServer, type Tunnel } from '../../src/index.js';
import { SeededRandom } from '../support/seeded-random.js';
import { lastingName, visitedName } from './client-load.js';
import type { StreamWork } from './stream-work.js';

const SHOWN_MS = { least: 1_000, most: 8_000 };
const AWAY_MS = { least: 200, most: 4_000 };

/** On every tunnel a listener that stays, and one that comes and goes. */
export class ListenerLoad {
  private readonly lasting: StreamListener[] = [];
  private readonly visited: Promise<void>[] = [];

  private constructor(
    private readonly work: StreamWork,
    private readonly random: SeededRandom,
  ) {}

  /** Resolves when the lasting names are held. */
  static async start(tunnels: readonly Tunnel[], work: StreamWork, seed: number): Promise<ListenerLoad> {
    const load = new ListenerLoad(work, new SeededRandom(seed));
    for (const [route, tunnel] of tunnels.entries()) {
      load.lasting.push(await load.listen(tunnel, lastingName(route)));
      load.visited.push(load.comeAndGo(tunnel, visitedName(route), load.random.fork()));
    }
    return load;
  }

  /** Resolves when every stream is closed and no name is held any more. */
  async finish(): Promise<void> {
    this.work.pauses.end();
    await Promise.all(this.visited);
    await this.work.idle();
    await Promise.all(this.lasting.map((listener) => listener.close()));
  }

  private async comeAndGo(tunnel: Tunnel, name: string, random: SeededRandom): Promise<void> {
    const { pauses } = this.work;
    while (!pauses.isOver) {
      try {
        const listener = await this.listen(tunnel, name);
        await pauses.pause(random.integer(SHOWN_MS.least, SHOWN_MS.most));
        await listener.close();
      } catch {
        // Counted by its 'error' already.
      }
      await pauses.pause(random.integer(AWAY_MS.least, AWAY_MS.most));
    }
  }

  private async listen(tunnel: Tunnel, name: string): Promise<StreamListener> {
    const listener = new StreamServer(tunnel, (stream) => void this.work.acceptor(stream)).listen(name);
    listener.on('error', (error) => this.work.counts.unexpected(`listener ${name}`, error));
    await listener.ready;
    this.work.counts.values.listens++;
    return listener;
  }
}
