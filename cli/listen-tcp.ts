import type { Offer, Refusal, TunnelStream } from '../src/index.js';
import { type Address, formatAddress } from './address.js';
import { join } from './join.js';
import { type ListenSettings, listenOn } from './listener.js';
import { sayError } from './notices.js';
import { ReadySockets } from './ready-sockets.js';
import { type Work, workOnTunnel } from './tunnel.js';

/** Each client of the name gets a TCP connection to the address, until it is told to stop. */
export function listenOverTcp(settings: ListenSettings, address: Address): Promise<number> {
  const ready = new ReadySockets(address);
  const serve = (work: Work): Promise<never> =>
    new Promise((_resolve, onLost) => {
      const forwarding = new Forwarding(address, ready, settings.tunnel.isQuiet);
      const accept = (offer: Offer): Promise<true | Refusal> => forwarding.accept(offer);
      const onStream = (stream: TunnelStream): void => void forwarding.carry(stream);
      listenOn(settings, work, { accept, onStream, onLost }).once('listening', () =>
        console.log(`listening on ${settings.name} for ${formatAddress(address)}`),
      );
    });
  return workOnTunnel(settings.tunnel, serve, { isEndless: true }).finally(() => ready.close());
}

class Forwarding {
  constructor(
    private readonly address: Address,
    private readonly ready: ReadySockets,
    private readonly isQuiet: boolean,
  ) {}

  /** First the TCP connection, then the answer: a client is told why there is none. */
  async accept({ uid }: Offer): Promise<true | Refusal> {
    try {
      await this.ready.connect(uid);
      return true;
    } catch (error) {
      this.say(error);
      // The address is this side's own affair.
      const { code = 'ECONNREFUSED' } = error as NodeJS.ErrnoException;
      return { code, text: 'the service behind this name cannot be reached' };
    }
  }

  async carry(stream: TunnelStream): Promise<void> {
    try {
      await join(this.ready.take(stream.uid), stream);
    } catch (error) {
      this.say(error);
      stream.destroy(error as Error);
    }
  }

  private say(error: unknown): void {
    if (!this.isQuiet) sayError(error, `connection to ${formatAddress(this.address)}`);
  }
}
