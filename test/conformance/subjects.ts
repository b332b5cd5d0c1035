import { expect } from 'vitest';
import { resolveOptions } from '../../relay/options.js';
import { RelayCore } from '../../relay/relay-core.js';
import { ConnectionCore } from '../../src/core/connection.js';
import { DEFAULT_HEARTBEAT } from '../../src/core/keep-alive.js';
import { StreamCore, type StreamEvent } from '../../src/core/stream.js';
import { TunnelCore } from '../../src/core/tunnel.js';
import type { ErrorCode } from '../../src/protocol/codes.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Open, Target } from '../../src/protocol/frames.js';
import { resolveLimits } from '../../src/protocol/limits.js';
import type { Json } from '../../src/protocol/meta.js';
import type { Command, Configuration } from './vectors.js';
import { readMessage, type WireFrame } from './wire.js';

/** What a vector acts on: connections by name, a clock that stands still, and what comes out. */
export interface Subject {
  connect(name: string): void;
  connection(name: string): ConnectionCore;
  advance(ms: number): void;
  command(command: Command): void;
  readonly now: number;
  /** What happened to the streams since the last call. */
  takeEvents(): ({ stream: string } & StreamEvent)[];
  expectNothingLeft(): void;
}

/** The name of the only connection, where there is only one. */
export const ONLY = 'only';

export function takeFrames(connection: ConnectionCore): WireFrame[] {
  const frames: WireFrame[] = [];
  for (let message = connection.takeMessage(); message !== undefined; message = connection.takeMessage())
    frames.push(...readMessage(message));
  return frames;
}

let idCount = 0;
const nextId = (): string => (++idCount).toString(16).padStart(32, '0');

export function createSubject(role: 'acceptor' | 'dialer' | 'relay', configuration: Configuration = {}): Subject {
  switch (role) {
    case 'acceptor':
      return new AcceptorSubject(configuration);
    case 'dialer':
      return new DialerSubject(configuration);
    case 'relay':
      return new RelaySubject(configuration);
  }
}

class RelaySubject implements Subject {
  now = 0;
  private readonly core: RelayCore;
  private readonly connections = new Map<string, ConnectionCore>();

  constructor({ limits, heartbeat, handshakeTimeoutMs }: Configuration) {
    const options = resolveOptions({
      ...(limits ? { limits } : {}),
      ...(heartbeat ? { heartbeat } : {}),
      ...(handshakeTimeoutMs ? { handshakeTimeoutMs } : {}),
    });
    this.core = new RelayCore(options, 'relay', nextId, {
      created() {},
      destroyed() {},
      tunnelOpened() {},
      defectFound(error) {
        throw error;
      },
    });
  }

  connect(name: string): void {
    this.connections.set(name, this.core.accept(this.now));
  }

  connection(name: string): ConnectionCore {
    return found(this.connections, name);
  }

  advance(ms: number): void {
    this.now += ms;
    this.core.advance(this.now);
    for (const connection of this.connections.values()) connection.advance(this.now);
  }

  command({ command }: Command): void {
    throw new RangeError(`a relay has no command ${command}`);
  }

  takeEvents(): never[] {
    return [];
  }

  expectNothingLeft(): void {
    for (const connection of this.connections.values())
      connection.lost(new TrunklineError('CONNECTION_LOST', 'the vector is over'));
    const { tunnels, names, connects, splices } = this.core.stats;
    const left = { tunnels: tunnels.active, names: names.active, connects: connects.pending, splices: splices.active };
    expect(left).toEqual({ tunnels: 0, names: 0, connects: 0, splices: 0 });
    for (const connection of this.connections.values()) expect(connection.streamCount).toBe(0);
  }
}

/** What the two kinds of endpoint have in common: one connection, streams by name, commands on them. */
abstract class EndpointSubject implements Subject {
  now = 0;
  protected abstract readonly core: ConnectionCore;
  protected readonly streams = new Map<string, StreamCore>();
  protected events: ({ stream: string } & StreamEvent)[] = [];

  protected abstract open(name: string, target: Target, meta: Json): void;
  protected abstract reset(stream: StreamCore, error: TrunklineError): void;
  protected abstract welcome(): void;

  connect(): void {
    throw new RangeError('an endpoint has one connection');
  }

  connection(name: string): ConnectionCore {
    expect(name).toBe(ONLY);
    return this.core;
  }

  advance(ms: number): void {
    this.now += ms;
    this.core.advance(this.now);
  }

  command(command: Command): void {
    switch (command.command) {
      case 'welcome':
        return this.welcome();
      case 'open':
        return this.open(command.stream, command.target, command.meta ?? null);
      case 'accept':
        return this.stream(command.stream).accept();
      case 'write': {
        const [digits = '', count = '1'] = command.bytes.split('*');
        return this.stream(command.stream).write(Uint8Array.from(Buffer.from(digits.repeat(Number(count)), 'hex')));
      }
      case 'end':
        return this.stream(command.stream).end();
      case 'consume':
        return this.stream(command.stream).consume(command.count);
      case 'reset':
        return this.reset(this.stream(command.stream), new TrunklineError(command.code as ErrorCode, command.reason));
      case 'close':
        return this.core.fail(new TrunklineError(command.code as ErrorCode, command.reason));
    }
  }

  takeEvents(): ({ stream: string } & StreamEvent)[] {
    const { events } = this;
    this.events = [];
    return events;
  }

  expectNothingLeft(): void {
    this.core.lost(new TrunklineError('CONNECTION_LOST', 'the vector is over'));
    expect(this.core.streamCount).toBe(0);
    for (const stream of this.streams.values()) {
      expect(stream.isClosed).toBe(true);
      expect(stream.retainedBytes).toBe(0);
    }
  }

  protected stream(name: string): StreamCore {
    return found(this.streams, name);
  }

  protected nameOf(stream: StreamCore): string {
    for (const [name, candidate] of this.streams) if (candidate === stream) return name;
    return '?';
  }
}

class DialerSubject extends EndpointSubject {
  private readonly tunnel: TunnelCore;
  protected readonly core: ConnectionCore;
  private incomingCount = 0;

  constructor({ limits, windowBytes = 65_536, handshakeTimeoutMs }: Configuration) {
    super();
    this.tunnel = new TunnelCore({
      limits: resolveLimits(limits),
      window: { windowBytes, maxWindowBytes: windowBytes },
      randomId: nextId,
      now: 0,
      ...(handshakeTimeoutMs ? { handshakeTimeoutMs } : {}),
    });
    this.core = this.tunnel.connection;
  }

  override takeEvents(): ({ stream: string } & StreamEvent)[] {
    for (const event of this.tunnel.takeEvents()) {
      // Streams that the peer opens are called by their turn: in1, in2, ...
      if (event.type === 'incoming') this.streams.set(`in${++this.incomingCount}`, event.stream);
      else if (event.type === 'stream') this.events.push({ stream: this.nameOf(event.stream), ...event.event });
    }
    return super.takeEvents();
  }

  override command(command: Command): void {
    this.events = this.takeEvents();
    super.command(command);
  }

  protected open(name: string, target: Target, meta: Json): void {
    this.streams.set(name, this.tunnel.open(target, meta));
  }

  protected reset(stream: StreamCore, error: TrunklineError): void {
    this.tunnel.reset(stream, error);
  }

  protected welcome(): void {
    throw new RangeError('a dialer does not welcome');
  }

  override expectNothingLeft(): void {
    super.expectNothingLeft();
    expect(this.tunnel.streamCount).toBe(0);
  }
}

class AcceptorSubject extends EndpointSubject {
  protected readonly core: ConnectionCore;
  private incomingCount = 0;

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
        connectionEnded: () => {},
      },
    );
  }

  protected welcome(): void {
    this.core.welcome('acceptor', this.configuration.heartbeat ?? DEFAULT_HEARTBEAT, this.now);
  }

  protected open(name: string, target: Target, meta: Json): void {
    this.create(name, nextId(), target, meta).openOn(this.core);
  }

  protected reset(stream: StreamCore, error: TrunklineError): void {
    stream.reset(error);
  }

  private incoming(id: number, open: Open): void {
    this.create(`in${++this.incomingCount}`, open.uid, open.target, null).placeOn(this.core, id, open);
  }

  private create(name: string, uid: string, target: Target, meta: Json): StreamCore {
    const { windowBytes = 65_536 } = this.configuration;
    const stream = new StreamCore(
      {
        uid,
        target,
        meta,
        window: { windowBytes, maxWindowBytes: windowBytes },
        observer: (source, event) => this.events.push({ stream: this.nameOf(source), ...event }),
      },
      this.core.limits.earlyWindowBytes,
    );
    this.streams.set(name, stream);
    return stream;
  }
}

function found<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new RangeError(`nothing is called ${name}`);
  return value;
}
