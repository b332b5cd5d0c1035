import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { resolveOptions } from '../../relay/options.js';
import { RelayCore } from '../../relay/relay-core.js';
import type { ConnectionCore } from '../../src/core/connection.js';
import { found, nextId, type Subject, vectorIsOver } from './subject.js';
import type { Command, Configuration } from './vectors.js';

/** Not the relay's own: what PROTOCOL.md says of it is enough (R113). */
const hash = (secret: string): string => createHash('sha256').update(secret).digest('hex').slice(0, 32);

/** What a relay that knows of none answers first: later ones are above. */
const FIRST_CLAIM = 1_000;

export class RelaySubject implements Subject {
  now = 0;
  private readonly core: RelayCore;
  private readonly connections = new Map<string, ConnectionCore>();

  constructor({ limits, heartbeat, handshakeTimeoutMs, resumeWindowMs = 0 }: Configuration) {
    const options = resolveOptions({
      ...(limits ? { limits } : {}),
      ...(heartbeat ? { heartbeat } : {}),
      ...(handshakeTimeoutMs ? { handshakeTimeoutMs } : {}),
      resumeWindowMs,
    });
    const environment = { randomId: nextId, hash, newClaim: () => FIRST_CLAIM, now: () => this.now };
    this.core = new RelayCore(options, 'relay', environment, {
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

  settle(): void {}

  command(command: Command): void {
    if (command.command !== 'drain') throw new RangeError(`a relay has no command ${command.command}`);
    this.core.drain(command.graceMs);
  }

  takeEvents(): never[] {
    return [];
  }

  expectNothingLeft(): void {
    for (const connection of this.connections.values()) connection.lost(vectorIsOver());
    const { tunnels, connects, resumes, splices } = this.core.stats;
    const pending = { connects: connects.pending, resumes: resumes.pending };
    expect({ tunnels: tunnels.active, splices: splices.active, ...pending }).toEqual({
      tunnels: 0,
      splices: 0,
      connects: 0,
      resumes: 0,
    });
    // A name may be reserved for as long as the relay lives.
    this.core.close(vectorIsOver());
    expect(this.core.stats.names.active).toBe(0);
    for (const connection of this.connections.values()) expect(connection.streamCount).toBe(0);
  }
}
