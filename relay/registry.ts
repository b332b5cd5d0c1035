import type { ConnectionCore } from '../src/core/connection.js';
import type { StreamCore } from '../src/core/stream.js';

/** A held name: the listen stream that holds it, and the connection whose accepts are believed. */
export interface Registration {
  readonly name: string;
  readonly stream: StreamCore;
  readonly connection: ConnectionCore;
}

export interface RegistryEvents {
  created(name: string): void;
  destroyed(name: string): void;
}

/** Who holds which name: one holder each. `created` and `destroyed` alternate strictly per name. */
export class Registry {
  private readonly registrations = new Map<string, Registration>();

  constructor(private readonly events: RegistryEvents) {}

  get size(): number {
    return this.registrations.size;
  }

  names(): string[] {
    return [...this.registrations.keys()];
  }

  find(name: string): Registration | undefined {
    return this.registrations.get(name);
  }

  add(registration: Registration): void {
    this.registrations.set(registration.name, registration);
    this.events.created(registration.name);
  }

  /** Only the holder's own registration is removed: a late goodbye does not touch a successor. */
  remove(registration: Registration): boolean {
    if (this.registrations.get(registration.name) !== registration) return false;
    this.registrations.delete(registration.name);
    this.events.destroyed(registration.name);
    return true;
  }
}
