import type { ConnectionCore } from '../src/core/connection.js';
import { DEFAULT_WINDOW } from '../src/core/receive-half.js';
import { StreamCore, type StreamEvent } from '../src/core/stream.js';
import { TrunklineError } from '../src/protocol/errors.js';
import type { Open } from '../src/protocol/frames.js';
import { isNamePattern } from '../src/protocol/names.js';
import { encodeUtf8 } from '../src/protocol/utf8.js';
import type { RelayContext } from './context.js';
import { FairShare } from './fair-share.js';
import { matchesPattern } from './name-patterns.js';

/** What one line tells at most. */
const NAMES_PER_LINE = 64;

/**
 * Tells peers which names come and go. A watch keeps, for a peer that reads slowly, no list of what happened, but which names
 * it has told of, and which of them may have changed since: what came and went again in between is not told at all.
 */
export class Watches {
  private readonly all = new Set<Watch>();
  private readonly bySource = new FairShare<Watch>();
  private readonly countOf = new WeakMap<ConnectionCore, number>();

  constructor(private readonly context: RelayContext) {
    context.registry.changes.onSettle = (names) => this.tell(names);
  }

  get size(): number {
    return this.all.size;
  }

  /** @throws TrunklineError BAD_NAME, LIMIT_STREAMS */
  watch(connection: ConnectionCore, id: number, open: Open, pattern: string): void {
    if (!isNamePattern(pattern))
      throw new TrunklineError('BAD_NAME', `${JSON.stringify(pattern)} is no pattern of names`);
    const source = this.context.sourceOf(connection);
    this.checkRoom(connection, source);
    const watch: Watch = new Watch(pattern, open, this.context, () => {
      if (!this.all.delete(watch)) return;
      this.bySource.delete(source, watch);
      this.countOf.set(connection, (this.countOf.get(connection) ?? 1) - 1);
      if (this.all.size === 0) this.context.registry.changes.clear();
    });
    this.all.add(watch);
    this.bySource.add(source, watch);
    this.countOf.set(connection, (this.countOf.get(connection) ?? 0) + 1);
    watch.begin(connection, id, open);
  }

  /** A name has come or gone. */
  changed(name: string): void {
    if (this.all.size === 0) return;
    const { registry, environment, deadlineMoved } = this.context;
    registry.changes.add(name);
    registry.changes.advance(environment.now());
    deadlineMoved();
  }

  /** Nobody is told anything any more. */
  drain(): void {
    for (const watch of [...this.all]) watch.end(new TrunklineError('GOING_AWAY', 'the relay is closing'));
  }

  /** @throws TrunklineError LIMIT_STREAMS, unless another has more than the newcomer and gives way to it */
  private checkRoom(connection: ConnectionCore, source: unknown): void {
    const { maxWatchesPerTunnel, maxWatches } = this.context.options.limits;
    if ((this.countOf.get(connection) ?? 0) >= maxWatchesPerTunnel)
      throw new TrunklineError('LIMIT_STREAMS', `at most ${maxWatchesPerTunnel} watches on one tunnel`);
    if (this.all.size < maxWatches) return;
    const error = new TrunklineError('LIMIT_STREAMS', `at most ${maxWatches} watches at this relay`);
    const rival = this.bySource.rivalOf(source);
    if (rival === undefined) throw error;
    rival.giveWay(error);
  }

  /** All know what has changed before any is told: what one is told may be the end of another. */
  private tell(names: readonly string[]): number {
    let steps = 0;
    for (const watch of this.all) steps += watch.settle(names);
    for (const watch of this.all) watch.write();
    return steps;
  }
}

class Watch {
  private readonly stream: StreamCore;
  /** What the peer takes for existing. */
  private readonly told = new Set<string>();
  /** What may be otherwise by now. */
  private readonly changes = new Set<string>();
  /** What had changed when it began, and all the others are still to be told of. */
  private readonly ahead = new Set<string>();
  private isSnapshotTold = false;
  private isWriting = false;

  constructor(
    private readonly pattern: string,
    { uid, target }: Open,
    private readonly context: RelayContext,
    private readonly ended: () => void,
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
    const { registry } = this.context;
    for (const name of registry.names()) if (this.matches(name)) this.changes.add(name);
    for (const name of registry.changes.values()) {
      if (!this.matches(name)) continue;
      this.ahead.add(name);
      registry.changes.toldEarly(name);
    }
    this.write();
  }

  /** These have changed. Returns how many steps it took. */
  settle(names: readonly string[]): number {
    const matching = names.filter((name) => this.matches(name));
    for (const name of matching) this.changes.add(name);
    this.ahead.clear();
    return names.length + matching.length;
  }

  giveWay(error: TrunklineError): void {
    if (this.stream.connection) this.context.refused(this.stream.connection, error.code, this.pattern);
    this.end(error);
  }

  end(error: TrunklineError): void {
    this.stream.reset(error);
    this.ended();
  }

  private heard(event: StreamEvent): void {
    switch (event.type) {
      case 'drained':
        this.isWriting = false;
        return this.write();
      case 'data':
        throw new TrunklineError('PROTOCOL', 'DATA on a watch');
      case 'end':
        this.ended();
        return this.stream.end();
      case 'failed':
      case 'closed':
        return this.ended();
      default:
    }
  }

  /** One line at a time: the next one is made when this one has left, of what is true by then. */
  write(): void {
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
      const exists = this.exists(name);
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

  private matches(name: string): boolean {
    return matchesPattern(this.pattern, name);
  }

  /** As of when it was last told, so that what comes and goes in between is nothing to it. */
  private exists(name: string): boolean {
    const { registry } = this.context;
    const existed = (registry.find(name) !== undefined) !== registry.changes.has(name);
    return existed !== this.ahead.has(name);
  }
}
