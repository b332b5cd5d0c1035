import { createHash } from 'node:crypto';
import { resolveOptions } from '../../relay/options.js';
import { RelayCore } from '../../relay/relay-core.js';
import type { ConnectionCore } from '../../src/core/connection.js';
import { createDialedTunnel, type DialedTunnelCore } from '../../src/core/tunnel.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { prove } from '../../src/runtime/prove.js';
import { takeMessage } from '../support/take-message.js';

/** The exchange of PROTOCOL.md section 15, as the client's connection carries it. */
export class Exchange {
  readonly lines: string[] = [];
  firstFrame = '';
  private readonly relay: RelayCore;
  private readonly client = createTunnel('c');
  private readonly listener = createTunnel('a');
  private readonly clientConnection = this.client.connections.dial();
  private readonly listenerConnection = this.listener.connections.dial();
  private readonly atClient: ConnectionCore;
  private readonly atListener: ConnectionCore;

  constructor() {
    const options = resolveOptions();
    const environment = {
      randomId: numbered('b'),
      hash: (secret: string) => createHash('sha256').update(secret).digest('hex').slice(0, 32),
      newClaim: () => 1,
      now: () => 0,
    };
    this.relay = new RelayCore(options, 'r'.repeat(4), environment, {
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
    const name = this.listener.open({ kind: 'listen', name: 'echo', claim: 0 }, null);
    while (this.carryListener());

    const stream = this.client.open({ kind: 'connect', name: 'echo', waitMs: 0 }, { app: 'demo' });
    const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
    stream.write(bytes('hi'));
    stream.end();
    this.pump();
    for (const event of this.listener.takeEvents()) {
      if (event.type !== 'stream' || event.event.type !== 'offer') continue;
      const { offer } = event.event;
      const answer = this.listener.open({ kind: 'accept', offerId: offer.id }, null, {
        uid: stream.uid,
        offer: { offer, listener: name },
      });
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

  private pump(): void {
    for (let moved = true; moved; ) {
      const toRelay = this.carry(this.clientConnection, this.atClient, '>');
      const listenerMoved = this.carryListener();
      const toClient = this.carry(this.atClient, this.clientConnection, '<');
      moved = toRelay || listenerMoved || toClient;
    }
  }

  private carryListener(): boolean {
    const fromListener = this.carry(this.listenerConnection, this.atListener);
    return this.carry(this.atListener, this.listenerConnection) || fromListener;
  }

  private carry(from: ConnectionCore, to: ConnectionCore, arrow?: string): boolean {
    const message = takeMessage(from);
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

function createTunnel(digit: string): DialedTunnelCore {
  return createDialedTunnel({
    limits: DEFAULT_LIMITS,
    window: { windowBytes: 262_144, maxWindowBytes: 262_144 },
    randomId: numbered(digit),
    random: () => 0,
    now: () => 0,
    prove,
    resumeWindowMs: 120_000,
  });
}
