import {
  connectTunnel,
  type Offer,
  type Refusal,
  StreamServer,
  type TrunklineError,
  type TunnelStream,
} from '../../src/index.js';
import { endingWith } from './failure-text.js';
import { newShareName, RELAY_PATH } from './share-name.js';
import { type FileMeta, parseRequestMeta, type RequestMeta } from './transfer-format.js';

const RETRY_AFTER_MS = [1000, 2000, 5000, 10_000];

export interface ShareEvents {
  onConnecting(): void;
  onOnline(): void;
  /** The connection is lost, the name is not: it is on its way back. */
  onReconnecting(): void;
  onOffline(reason: unknown, retryInMs: number): void;
  /** How many pages have the link open without downloading. */
  onViewers(count: number): void;
  accept(request: RequestMeta): boolean | Promise<true | Refusal>;
  onDownload(stream: TunnelStream, request: RequestMeta): void;
}

/**
 * Holds a name for one file, as long as it is shared. The tunnel itself outlives lost connections; when it has given up
 * in the end, the same name is taken again on a new one, so the link stays good.
 */
export class Share {
  private isStopped = false;
  private failures = 0;
  private endHolding: () => Promise<void> = async () => {};
  private endPause: () => void = () => {};
  private readonly streams = new Set<TunnelStream>();
  private viewers = 0;
  /** So that a new tunnel is given the name while the relay still keeps it for the old one. */
  private readonly owner = newShareName();

  constructor(
    readonly name: string,
    private readonly meta: FileMeta,
    private readonly events: ShareEvents,
  ) {}

  async run(): Promise<void> {
    while (!this.isStopped) {
      this.events.onConnecting();
      const reason = await this.holdName();
      if (this.isStopped) return;
      const retryInMs = RETRY_AFTER_MS[Math.min(this.failures++, RETRY_AFTER_MS.length - 1)]!;
      this.events.onOffline(reason, retryInMs);
      await this.pause(retryInMs);
    }
  }

  retryNow(): void {
    this.endPause();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.endPause();
    for (const stream of this.streams) stream.destroy(endingWith('STOPPED', 'the sender stopped sharing'));
    await this.endHolding();
  }

  /** Resolves with the reason when the name is no longer held. */
  private holdName(): Promise<unknown> {
    return new Promise((resolve) => {
      const tunnel = connectTunnel(RELAY_PATH);
      const options = { meta: this.meta, owner: this.owner, accept: (offer: Offer) => this.accept(offer) };
      const listener = StreamServer(tunnel, options, (stream) => this.handleStream(stream)).listen(this.name);
      let isHeld = false;

      const lose = (reason: unknown): void => {
        resolve(reason);
        tunnel.close();
      };
      tunnel.on('error', lose);
      tunnel.on('close', lose);
      listener.on('error', lose);
      listener.on('listening', () => {
        isHeld = true;
        this.failures = 0;
        this.events.onOnline();
      });
      tunnel.on('suspend', () => this.events.onReconnecting());
      tunnel.on('resume', () => {
        if (isHeld) this.events.onOnline();
      });
      this.endHolding = async () => {
        await listener.close();
        lose(undefined);
      };
    });
  }

  private accept({ meta }: Offer): boolean | Promise<true | Refusal> {
    const request = parseRequestMeta(meta);
    return request.want === 'look' || this.events.accept(request);
  }

  private handleStream(stream: TunnelStream): void {
    this.streams.add(stream);
    stream.on('error', ignore); // whoever waits for the stream is told as well
    stream.once('close', () => this.streams.delete(stream));
    const request = parseRequestMeta(stream.meta);
    if (request.want === 'file') this.events.onDownload(stream, request);
    else this.keepLooking(stream);
  }

  /** The stream says nothing. That it ends is what both sides want to know. */
  private keepLooking(stream: TunnelStream): void {
    this.events.onViewers(++this.viewers);
    stream.resume();
    stream.once('end', () => stream.end());
    stream.once('close', () => this.events.onViewers(--this.viewers));
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function ignore(_error: TrunklineError | Error): void {}
