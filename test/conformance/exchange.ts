import { resolveOptions } from '../../relay/options.js';
import { RelayCore } from '../../relay/relay-core.js';
import type { ConnectionCore } from '../../src/core/connection.js';
import { TunnelCore } from '../../src/core/tunnel.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';

/** The exchange of PROTOCOL.md section 14, as the client's connection carries it. */
export class Exchange {
  readonly lines: string[] = [];
  firstFrame = '';
  private readonly relay: RelayCore;
  private readonly client = this.createTunnel('c');
  private readonly listener = this.createTunnel('a');
  private readonly atClient: ConnectionCore;
  private readonly atListener: ConnectionCore;

  constructor() {
    const options = resolveOptions();
    this.relay = new RelayCore(options, 'r'.repeat(4), numbered('b'), {
      created() {},
      destroyed() {},
      tunnelOpened() {},
      defectFound: (error) => {
        throw error;
      },
    });
    this.atListener = this.relay.accept(0);
    this.atClient = this.relay.accept(0);
  }

  run(): void {
    const name = this.listener.open({ kind: 'listen', name: 'echo' }, null);
    while (this.carryListener());

    const stream = this.client.open({ kind: 'connect', name: 'echo', waitMs: 0 }, { app: 'demo' });
    const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
    stream.write(bytes('hi'));
    stream.end();
    this.pump();
    for (const event of this.listener.takeEvents()) {
      if (event.type !== 'stream' || event.event.type !== 'offer') continue;
      const answer = this.listener.open({ kind: 'accept', offerId: event.event.offer.id }, null, stream.uid);
      this.pump();
      answer.write(bytes('ok'));
      answer.end();
    }
    this.pump();
    name.end();
    for (const tunnel of [this.client, this.listener]) tunnel.takeEvents();
    this.pump();
  }

  get streamsLeft(): number {
    return this.client.streamCount + this.relay.stats.splices.active + this.relay.stats.connects.pending;
  }

  private createTunnel(digit: string): TunnelCore {
    return new TunnelCore({
      limits: DEFAULT_LIMITS,
      window: { windowBytes: 262_144, maxWindowBytes: 262_144 },
      randomId: numbered(digit),
      now: 0,
    });
  }

  private pump(): void {
    for (let moved = true; moved; ) {
      const toRelay = this.carry(this.client.connection, this.atClient, '>');
      const listenerMoved = this.carryListener();
      const toClient = this.carry(this.atClient, this.client.connection, '<');
      moved = toRelay || listenerMoved || toClient;
    }
  }

  private carryListener(): boolean {
    const fromListener = this.carry(this.listener.connection, this.atListener);
    return this.carry(this.atListener, this.listener.connection) || fromListener;
  }

  private carry(from: ConnectionCore, to: ConnectionCore, arrow?: string): boolean {
    const message = from.takeMessage();
    if (message === undefined) return false;
    if (arrow) this.record(Buffer.from(message), arrow);
    to.receive(message.slice(), 0);
    return true;
  }

  private record(message: Buffer, arrow: string): void {
    if (this.lines.length > 0) this.lines.push('');
    for (let at = 0; at < message.length; ) {
      const end = at + 8 + message.readUIntBE(at + 5, 3);
      if (this.firstFrame === '') this.firstFrame = message.toString('hex', at, end);
      const payload = message.subarray(at + 8, end);
      const id = message.toString('hex', at, at + 4);
      const header = `${id} ${message.toString('hex', at + 4, at + 5)} ${message.toString('hex', at + 5, at + 8)}`;
      const text = payload[0] === 0x7b ? payload.toString('utf8') : payload.toString('hex');
      this.lines.push(`${arrow} ${header} ${text}`.trimEnd());
      at = end;
    }
  }
}

function numbered(digit: string): () => string {
  let count = 0;
  return () => digit.repeat(30) + (++count).toString(16).padStart(2, '0');
}
