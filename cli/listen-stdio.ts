import type { StreamListener, TunnelStream } from '../src/index.js';
import { join } from './join.js';
import { type ListenHooks, type ListenSettings, listenOn } from './listener.js';
import { say, sayError } from './notices.js';
import { openStdio, StdioInTurn } from './stdio.js';
import { type Work, workOnTunnel } from './tunnel.js';
import { Turn } from './turn.js';

/** Joins the first client to standard input and output. */
export async function listenOnce(settings: ListenSettings): Promise<number> {
  const stdio = openStdio();
  return await workOnTunnel(settings.tunnel, async (work) => {
    const turn = new Turn();
    let listener: StreamListener | undefined;
    const first = await new Promise<TunnelStream>((resolve, onLost) => {
      const onStream = (stream: TunnelStream): void => {
        if (turn.take(stream)) resolve(stream);
      };
      listener = listenAloud(settings, work, { accept: turn.accept, onStream, onLost });
    });
    await join(stdio, first);
    listener?.end();
    return 0;
  }).finally(() => stdio.destroy());
}

/** Joins one client after the other to standard input and output, until it is told to stop. */
export async function listenInTurn(settings: ListenSettings): Promise<number> {
  const stdio = new StdioInTurn();
  const serve = (work: Work): Promise<never> =>
    new Promise((_resolve, reject) => {
      const turn = new Turn();
      stdio.onBroken = reject;
      const serveOne = async (stream: TunnelStream): Promise<void> => {
        if (!turn.take(stream)) return;
        try {
          await stdio.join(stream);
        } catch (error) {
          if (!settings.tunnel.isQuiet) sayError(error);
        }
        turn.free();
      };
      const onStream = (stream: TunnelStream): void => void serveOne(stream);
      listenAloud(settings, work, { accept: turn.accept, onStream, onLost: reject });
    });
  return await workOnTunnel(settings.tunnel, serve, { isEndless: true }).finally(() => stdio.close());
}

function listenAloud(settings: ListenSettings, work: Work, hooks: ListenHooks): StreamListener {
  const listener = listenOn(settings, work, hooks);
  if (!settings.tunnel.isQuiet) listener.once('listening', () => say(`listening on ${settings.name}`));
  return listener;
}
