import { expect } from 'vitest';
import { ConnectionCore } from '../../src/core/connection.js';
import { DEFAULT_HEARTBEAT } from '../../src/core/keep-alive.js';
import { StreamCore } from '../../src/core/stream.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Open, Target } from '../../src/protocol/frames.js';
import { resolveLimits } from '../../src/protocol/limits.js';
import type { Json } from '../../src/protocol/meta.js';
import { EndpointSubject } from './endpoint-subject.js';
import { nextId, ONLY, vectorIsOver } from './subject.js';
import type { Command, Configuration } from './vectors.js';

export class AcceptorSubject extends EndpointSubject {
  private readonly core: ConnectionCore;

  constructor(private readonly configuration: Configuration) {
    super();
    const { limits, handshakeTimeoutMs, decidesLater } = configuration;
    this.core = new ConnectionCore(
      {
        role: 'acceptor',
        limits: resolveLimits(limits),
        now: 0,
        ...(handshakeTimeoutMs ? { handshakeTimeoutMs } : {}),
      },
      {
        helloReceived: () => {
          if (!decidesLater) this.welcome();
        },
        welcomeReceived: () => {},
        openReceived: (id, open) => this.incoming(id, open),
        noticeReceived: () => {
          throw new TrunklineError('PROTOCOL', 'a notice from a dialer');
        },
        connectionEnded: () => {},
      },
    );
  }

  connect(): void {
    throw new RangeError('an acceptor has one connection');
  }

  connection(name: string): ConnectionCore {
    expect(name).toBe(ONLY);
    return this.core;
  }

  advance(ms: number): void {
    this.now += ms;
    this.core.advance(this.now);
  }

  settle(): void {}

  protected open(name: string, target: Target, meta: Json): void {
    const stream = this.create(nextId(), target, meta, true);
    this.streams.set(name, stream);
    stream.openOn(this.core);
  }

  protected close(error: TrunklineError): void {
    this.core.fail(error);
  }

  protected other({ command }: Command): void {
    if (command !== 'welcome') throw new RangeError(`an acceptor has no command ${command}`);
    this.welcome();
  }

  protected finish(): void {
    this.core.lost(vectorIsOver());
    expect(this.core.streamCount).toBe(0);
  }

  private welcome(): void {
    const { heartbeat = DEFAULT_HEARTBEAT } = this.configuration;
    this.core.welcome({ heartbeat, relayId: 'acceptor', resumeWindowMs: 0 }, this.now);
  }

  private incoming(id: number, open: Open): void {
    const stream = this.create(open.uid, open.target, null, false);
    this.addIncoming(stream);
    stream.placeOn(this.core, id, open);
  }

  private create(uid: string, target: Target, meta: Json, isInitiator: boolean): StreamCore {
    const { windowBytes = 65_536 } = this.configuration;
    const window = { windowBytes, maxWindowBytes: windowBytes };
    const observer = this.note.bind(this);
    return new StreamCore({ uid, target, meta, window, isInitiator, observer }, this.core.limits.earlyWindowBytes);
  }
}
