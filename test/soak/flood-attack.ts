import { Attacker } from '../support/attacker.js';
import { hello, Type } from '../support/raw-peer.js';
import { BATCH, type FloodKind, type FloodTarget } from './flood-kinds.js';

/** What the attackers of one flood did, and what became of them. */
export interface FloodReport {
  connections: number;
  messages: number;
  /** How connections ended that the attacker did not end: the code of GOAWAY, `closed` without one, or the status of HTTP. */
  ends: Record<string, number>;
  /** From the message that went past the budget to the end of its connection, milliseconds; the longest of all. */
  longestMs: number;
  /** Connections that were still there at the end, and how long the oldest had been past its budget by then. */
  survivors: number;
  survivedMs: number;
  /** RESETs that came back. */
  refusals: number;
}

/** One that was cut comes back after this, as somebody would who does not want to be kept out. */
const COME_BACK_MS = 250;

/** Floods a relay until it is told to stop. */
export class FloodAttack {
  private isRunning = true;
  private readonly report: FloodReport = {
    connections: 0,
    messages: 0,
    ends: {},
    longestMs: 0,
    survivors: 0,
    survivedMs: 0,
    refusals: 0,
  };
  private readonly slots: Promise<void>[];
  private stopAll: () => void = () => {};
  private readonly stopped = new Promise<void>((resolve) => {
    this.stopAll = resolve;
  });

  constructor(
    private readonly kind: FloodKind,
    private readonly target: FloodTarget,
  ) {
    this.slots = Array.from({ length: kind.connections }, () => this.keepAttacking());
  }

  async stop(): Promise<FloodReport> {
    this.isRunning = false;
    this.stopAll();
    await Promise.all(this.slots);
    return this.report;
  }

  private async keepAttacking(): Promise<void> {
    while (this.isRunning) {
      await this.attackOnce().catch(() => {});
      if (!this.kind.isHelloFlood) await Promise.race([pause(COME_BACK_MS), this.stopped]);
    }
  }

  private async attackOnce(): Promise<void> {
    const attacker = await Attacker.dial(this.target.url);
    this.report.connections++;
    try {
      if (!attacker.isUpgraded) return this.count(`HTTP${attacker.statusLine.slice(8, 12)}`);
      if (this.kind.stage === 'handshake') await handshake(attacker);
      if (!attacker.isOver && !this.kind.isHelloFlood) await this.flood(attacker);
    } finally {
      await attacker.destroy();
    }
  }

  private async flood(attacker: Attacker): Promise<void> {
    const flood = await this.kind.begin(attacker, this.target);
    let [units, passedAt] = [0, performance.now()];
    attacker.onFrame = ({ type }) => {
      if (type === Type.RESET) this.report.refusals++;
    };
    // A cut shows by the GOAWAY; who writes on takes the socket's end for longer.
    const ended = Promise.race([
      attacker.ended.then(() => performance.now()),
      attacker.told.then(() => performance.now()),
    ]);
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    while (this.isRunning && !isOver) {
      const frames = flood.nextFrames();
      if (frames === undefined) {
        await Promise.race([ended, this.stopped]);
        break;
      }
      this.report.messages++;
      units += BATCH;
      // Until then it did what it may.
      if (units <= (this.kind.burst ?? 0)) passedAt = performance.now();
      if (attacker.send(...frames)) await turn();
      else await Promise.race([drained(attacker), ended, this.stopped]);
    }
    if (!isOver) {
      this.report.survivors++;
      this.report.survivedMs = Math.max(this.report.survivedMs, performance.now() - passedAt);
      return;
    }
    this.report.longestMs = Math.max(this.report.longestMs, (await ended) - passedAt);
    this.count(attacker.goaway ?? 'closed');
  }

  private count(end: string): void {
    this.report.ends[end] = (this.report.ends[end] ?? 0) + 1;
  }
}

async function handshake(attacker: Attacker): Promise<void> {
  attacker.send(hello());
  await attacker.next(Type.WELCOME);
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const drained = ({ socket }: Attacker): Promise<void> =>
  new Promise((resolve) => socket.once('drain', () => resolve()));
