import type { ConnectionCore } from '../src/core/connection.js';
import { isLost } from '../src/core/lost.js';
import { DEFAULT_WINDOW } from '../src/core/receive-half.js';
import { StreamCore, type StreamEvent } from '../src/core/stream.js';
import { MAX_OFFSET } from '../src/protocol/constants.js';
import { TrunklineError } from '../src/protocol/errors.js';
import type { Open, Refuse, Target } from '../src/protocol/frames.js';
import { assertName } from '../src/protocol/names.js';
import type { RelayContext } from './context.js';
import type { Holder, Registration } from './registry.js';

type ListenTarget = Extract<Target, { kind: 'listen' }>;

/** Who wants to know what becomes of names: whoever deals with connects. */
export interface NameUser {
  /** A name has this holder now. */
  held(holder: Holder, now: number): void;
  /** This holder has lost the name, which has another already or is reserved until then: its offers are open again. */
  withdrawn(holder: Holder, until: number): void;
  /** The name is free, and this was its holder. */
  freed(holder: Holder): void;
  refused(holder: Holder, refuse: Refuse): void;
}

/** Who may have a name, from whom it may be taken, and for how long it is kept for somebody who is away. */
export class Names {
  constructor(
    private readonly context: RelayContext,
    private readonly user: NameUser,
  ) {}

  /** @throws TrunklineError BAD_NAME, NAME_TAKEN, SUPERSEDED, LIMIT_NAMES, LIMIT_RATE */
  listen(connection: ConnectionCore, id: number, open: Open, target: ListenTarget, now: number): void {
    const { registry, parties } = this.context;
    assertName(target.name);
    const before = registry.find(target.name);
    const { endpoint } = parties.of(connection);
    if (before) this.checkTakeover(before, target, endpoint);
    this.checkRoom(connection, before);
    if (before?.state.kind === 'held' && target.claim === 0) this.checkDuel(target.name, now);

    const stream = new StreamCore({
      uid: open.uid,
      target: open.target,
      meta: null,
      window: DEFAULT_WINDOW,
      isInitiator: false,
      observer: (_stream, event) => this.heard(holder, event),
    });
    const holder: Holder = { name: target.name, stream, connection };
    const claim = target.claim || this.newClaim(before);
    stream.placeOn(connection, id, open);
    stream.accept({ claim });
    parties.of(connection).names++;
    registry.hold(holder, { owner: target.owner, claim, endpoint });
    if (before?.state.kind === 'held') {
      const isReturn = target.claim > 0 && before.lease.endpoint === endpoint;
      this.replace(before.state.holder, isReturn, now);
    }
    // An application may have ended it already, from inside 'server.created'.
    if (registry.isHeldBy(holder)) this.user.held(holder, now);
  }

  nextDeadline(): number {
    return this.context.registry.nextDeadline();
  }

  advance(now: number): void {
    const { registry } = this.context;
    for (const name of registry.expired(now)) registry.remove(name);
    registry.changes.advance(now);
  }

  /** Nobody can come back any more. */
  close(): void {
    this.advance(Number.POSITIVE_INFINITY);
  }

  // ── whether ──────────────────────────────────────────────────────────────────────────────────────────────────────

  private checkTakeover(
    { name, lease, state }: Registration,
    target: ListenTarget,
    endpoint: string | undefined,
  ): void {
    if (target.owner === undefined || target.owner !== lease.owner) throw this.taken(name, state);
    // A new listener of the same owner always wins; one that comes back only if nobody has taken over since.
    if (target.claim === 0 || target.claim > lease.claim) return;
    if (target.claim < lease.claim || lease.endpoint !== endpoint)
      throw new TrunklineError('SUPERSEDED', `a newer listener of the same owner holds ${name}`);
  }

  private taken(name: string, state: Registration['state']): TrunklineError {
    if (state.kind === 'held') return new TrunklineError('NAME_TAKEN', `another listener holds ${name}`);
    const retryAfterMs = Math.max(0, Math.ceil(state.reservation.deadline - this.context.environment.now()));
    const text = `${name} is kept for its listener, whose connection was lost, for another ${retryAfterMs} ms; the same \`owner\` has it at once`;
    return new TrunklineError('NAME_TAKEN', text, { retryAfterMs });
  }

  private checkRoom(connection: ConnectionCore, before: Registration | undefined): void {
    const { maxNames } = this.context.options.limits;
    const hasItAlready = before?.state.kind === 'held' && before.state.holder.connection === connection;
    if (!hasItAlready && this.context.parties.of(connection).names >= maxNames)
      throw new TrunklineError('LIMIT_NAMES', `at most ${maxNames} names on one tunnel`);
  }

  /** Two that each believe to be the newer listener would take the name from each other without end. */
  private checkDuel(name: string, now: number): void {
    const { takeovers, options } = this.context;
    if (takeovers.take(name, now)) return;
    const retryAfterMs = Math.ceil(1000 / options.rates.takeovers.perSecond);
    throw new TrunklineError('LIMIT_RATE', `${name} changes hands too often`, { retryAfterMs });
  }

  private newClaim(before: Registration | undefined): number {
    const above = (before?.lease.claim ?? 0) + 1;
    return Math.min(Math.max(above, this.context.environment.newClaim()), MAX_OFFSET);
  }

  // ── the end of a holder ──────────────────────────────────────────────────────────────────────────────────────────

  private heard(holder: Holder, event: StreamEvent): void {
    switch (event.type) {
      case 'refuse':
        return this.user.refused(holder, event.refuse);
      case 'offer':
        throw new TrunklineError('PROTOCOL', 'OFFER from a listener');
      case 'end':
        this.free(holder);
        return holder.stream.end();
      case 'failed':
        return isLost(event.error) ? this.lose(holder) : this.free(holder);
      default:
    }
  }

  /** Its own listener is back, or another has the name now. That is no end of the name. */
  private replace(holder: Holder, isReturn: boolean, now: number): void {
    this.context.parties.of(holder.connection).names--;
    this.user.withdrawn(holder, now);
    if (isReturn) holder.stream.leavePlace();
    else
      holder.stream.reset(new TrunklineError('SUPERSEDED', `a newer listener of the same owner took ${holder.name}`));
  }

  private lose(holder: Holder): void {
    const { registry, parties, options, environment, sourceOf, deadlineMoved } = this.context;
    if (!registry.isHeldBy(holder)) return;
    const source = sourceOf(holder.connection);
    const isFull = registry.reservedCount >= options.limits.maxReservedNames;
    const rival = isFull ? registry.rivalOf(source) : undefined;
    if (!this.mayReserve(holder) || (isFull && rival === undefined)) return this.free(holder);
    parties.of(holder.connection).names--;
    const until = environment.now() + options.resumeWindowMs;
    registry.reserve(holder, until, source);
    this.user.withdrawn(holder, until);
    // Last: an application is told of it. Who waits for that name goes on waiting, since its listener may still come.
    if (rival) registry.remove(rival.name);
    deadlineMoved();
  }

  private mayReserve({ name }: Holder): boolean {
    const isOwned = this.context.registry.find(name)?.lease.owner !== undefined;
    return isOwned && this.context.options.resumeWindowMs > 0;
  }

  private free(holder: Holder): void {
    const { registry, parties } = this.context;
    if (!registry.isHeldBy(holder)) return;
    // Before the registry tells of it: an application that closes the tunnel at that makes the party leave.
    parties.of(holder.connection).names--;
    registry.remove(holder.name);
    this.user.freed(holder);
  }
}
