import type { ConnectionCore } from '../src/core/connection.js';
import type { PendingResume, ResumeRequest } from './pending-resumes.js';

/** What a tunnel has with one endpoint at first: a stranger's guesses reach it no faster than these are answered. */
const FIRST_ALLOWED = 8;

/** One tunnel's re-opens for one endpoint. */
interface Queue {
  /** They are with the endpoint. */
  unanswered: number;
  allowed: number;
  /** In the order in which they came. */
  readonly waiting: Set<PendingResume>;
}

/**
 * How many re-opens of one tunnel are with one endpoint at once; the others wait for their turn. Each yes makes it one more,
 * so that who has a thousand streams there doubles with every round trip; a no takes it back to where it began, and so does
 * a rest. An endpoint that does not answer holds up nobody else's.
 */
export class ResumeTurns {
  private readonly byTunnel = new Map<ConnectionCore, Map<string, Queue>>();

  /** None waits before it, and there is room for one more. */
  isFree(request: ResumeRequest): boolean {
    const queue = this.find(request);
    return queue === undefined || (queue.waiting.size === 0 && queue.unanswered < queue.allowed);
  }

  /** Before it. */
  countWaiting(request: ResumeRequest): number {
    return this.find(request)?.waiting.size ?? 0;
  }

  asked(request: ResumeRequest): void {
    this.findOrAdd(request).unanswered++;
  }

  answered(request: ResumeRequest, isYes: boolean): void {
    const queue = this.findOrAdd(request);
    queue.unanswered--;
    queue.allowed = isYes ? queue.allowed + 1 : FIRST_ALLOWED;
    this.forgetIfIdle(request, queue);
  }

  wait(pending: PendingResume): void {
    this.findOrAdd(pending).waiting.add(pending);
  }

  leave(pending: PendingResume): void {
    const queue = this.find(pending);
    if (queue?.waiting.delete(pending)) this.forgetIfIdle(pending, queue);
  }

  /** Whose turn it is behind that one. Nobody's of a tunnel that has just ended, whose streams all go one after the other. */
  next(behind: ResumeRequest): PendingResume | undefined {
    const queue = this.find(behind);
    if (queue === undefined || behind.leg.connection.hasEnded || queue.unanswered >= queue.allowed) return undefined;
    const [first] = queue.waiting;
    return first;
  }

  private find({ leg, endpoint }: ResumeRequest): Queue | undefined {
    return this.byTunnel.get(leg.connection)?.get(endpoint);
  }

  private findOrAdd(request: ResumeRequest): Queue {
    const known = this.find(request);
    if (known) return known;
    const { leg, endpoint } = request;
    const queue: Queue = { unanswered: 0, allowed: FIRST_ALLOWED, waiting: new Set() };
    const queues = this.byTunnel.get(leg.connection);
    if (queues) queues.set(endpoint, queue);
    else this.byTunnel.set(leg.connection, new Map([[endpoint, queue]]));
    return queue;
  }

  private forgetIfIdle({ leg, endpoint }: ResumeRequest, { unanswered, waiting }: Queue): void {
    if (unanswered > 0 || waiting.size > 0) return;
    const queues = this.byTunnel.get(leg.connection);
    queues?.delete(endpoint);
    if (queues?.size === 0) this.byTunnel.delete(leg.connection);
  }
}
