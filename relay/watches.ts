import type { ConnectionCore } from '../src/core/connection.js';
import { DEFAULT_WINDOW } from '../src/core/receive-half.js';
import { StreamCore, type StreamEvent } from '../src/core/stream.js';
import { TrunklineError } from '../src/protocol/errors.js';
import type { Open } from '../src/protocol/frames.js';
import { isNamePattern } from '../src/protocol/names.js';
import { encodeUtf8 } from '../src/protocol/utf8.js';
import type { RelayContext } from './context.js';
import { matchesPattern } from './name-patterns.js';

/** Watches of one tunnel, and of the relay: each name that comes or goes is compared with the patterns of all. */
const MAX_WATCHES_PER_TUNNEL = 16;
const MAX_WATCHES = 1024;
/** What one line tells at most. */
const NAMES_PER_LINE = 64;

/**
 * Tells peers which names come and go. A watch keeps, for a peer that reads slowly, no list of what happened, but which names
 * it has told of, and which of them may have changed since: what came and went again in between is not told at all.
 */
export class Watches {
  private readonly all = new Set<Watch>();
  private readonly countOf = new WeakMap<ConnectionCore, number>();

  constructor(private readonly context: RelayContext) {}

  get size(): number {
    return this.all.size;
  }

  /** @throws TrunklineError BAD_NAME, LIMIT_STREAMS */
  watch(connection: ConnectionCore, id: number, open: Open, pattern: string): void {
    if (!isNamePattern(pattern))
      throw new TrunklineError('BAD_NAME', `${JSON.stringify(pattern)} is no pattern of names`);
    const count = this.countOf.get(connection) ?? 0;
    if (count >= MAX_WATCHES_PER_TUNNEL || this.all.size >= MAX_WATCHES)
      throw new TrunklineError('LIMIT_STREAMS', 'too many watches');
    const watch: Watch = new Watch(pattern, open, this.context, (each) => this.ended(connection, each));
    this.all.add(watch);
    this.countOf.set(connection, count + 1);
    watch.begin(connection, id, open);
  }

  /** A name has come or gone. */
  changed(name: string): void {
    for (const watch of this.all) watch.changed(name);
  }

  /** Nobody is told anything any more. */
  drain(): void {
    for (const watch of [...this.all]) watch.end(new TrunklineError('GOING_AWAY', 'the relay is closing'));
  }

  private ended(connection: ConnectionCore, watch: Watch): void {
    if (this.all.delete(watch)) this.countOf.set(connection, (this.countOf.get(connection) ?? 1) - 1);
  }
}

class Watch {
  private readonly stream: StreamCore;
  /** What the peer takes for existing. */
  private readonly told = new Set<string>();
  /** What may be otherwise by now. */
  private readonly changes = new Set<string>();
  private isSnapshotTold = false;
  private isWriting = false;

  constructor(
    private readonly pattern: string,
    { uid, target }: Open,
    private readonly context: RelayContext,
    private readonly ended: (watch: Watch) => void,
  ) {
    this.stream = new StreamCore({
      uid,
      target,
      meta: null,
      window: DEFAULT_WINDOW,
      isInitiator: false,
      observer: (_stream, event) => this.heard(event),
    });
  }

  begin(connection: ConnectionCore, id: number, open: Open): void {
    this.stream.placeOn(connection, id, open);
    this.stream.accept();
    for (const name of this.context.registry.names()) if (matchesPattern(this.pattern, name)) this.changes.add(name);
    this.write();
  }

  changed(name: string): void {
    if (!matchesPattern(this.pattern, name)) return;
    this.changes.add(name);
    this.write();
  }

  end(error: TrunklineError): void {
    this.stream.reset(error);
    this.ended(this);
  }

  private heard(event: StreamEvent): void {
    switch (event.type) {
      case 'drained':
        this.isWriting = false;
        return this.write();
      case 'data':
        throw new TrunklineError('PROTOCOL', 'DATA on a watch');
      case 'end':
        this.ended(this);
        return this.stream.end();
      case 'failed':
      case 'closed':
        return this.ended(this);
      default:
    }
  }

  /** One line at a time: the next one is made when this one has left, of what is true by then. */
  private write(): void {
    if (this.isWriting || this.stream.isClosed) return;
    const line = this.nextLine();
    if (line === undefined) return;
    this.isWriting = true;
    this.stream.write(encodeUtf8(`${JSON.stringify(line)}\n`));
  }

  private nextLine(): { created?: string[]; destroyed?: string[]; isComplete?: true } | undefined {
    const created: string[] = [];
    const destroyed: string[] = [];
    for (const name of this.changes) {
      if (created.length + destroyed.length >= NAMES_PER_LINE) return { created, destroyed };
      this.changes.delete(name);
      const exists = this.context.registry.find(name) !== undefined;
      if (exists === this.told.has(name)) continue;
      if (exists) this.told.add(name);
      else this.told.delete(name);
      (exists ? created : destroyed).push(name);
    }
    const isComplete = !this.isSnapshotTold;
    this.isSnapshotTold = true;
    if (created.length + destroyed.length === 0 && !isComplete) return undefined;
    return { created, destroyed, ...(isComplete && { isComplete }) };
  }
}
