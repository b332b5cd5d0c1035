import type { TrunklineError, Tunnel, TunnelStream } from '../../src/index.js';
import { type End, isExpected, type Kind } from './stream-plans.js';

/** Of one process; the fields with codes are like { 'visit opener NO_LISTENER': 3 }. */
export interface LoadSnapshot {
  opened: number;
  closed: number;
  /** Of those that arrived and were right. */
  bytesChecked: number;
  streamSuspends: number;
  streamResumes: number;
  tunnelSuspends: number;
  tunnelResumes: number;
  listens: number;
  openedByKind: Record<string, number>;
  /** Part of what the load does on purpose. */
  expectedErrors: Record<string, number>;
  unexpectedErrors: Record<string, number>;
  /** What the first of the unexpected ones said. */
  details: string[];
}

const MOST_DETAILS = 20;

export class LoadCounts {
  readonly values: LoadSnapshot = {
    opened: 0,
    closed: 0,
    bytesChecked: 0,
    streamSuspends: 0,
    streamResumes: 0,
    tunnelSuspends: 0,
    tunnelResumes: 0,
    listens: 0,
    openedByKind: {},
    expectedErrors: {},
    unexpectedErrors: {},
    details: [],
  };

  watchTunnel(tunnel: Tunnel): void {
    tunnel.on('suspend', () => this.values.tunnelSuspends++);
    tunnel.on('resume', () => this.values.tunnelResumes++);
    tunnel.on('close', (reason: TrunklineError) => {
      if (reason.code !== 'TUNNEL_CLOSED') this.unexpected('tunnel', reason);
    });
  }

  watchStream(stream: TunnelStream, kind: Kind): void {
    const { values } = this;
    values.opened++;
    increment(values.openedByKind, kind);
    let isSuspended = false;
    stream.on('suspend', () => {
      isSuspended = true;
      values.streamSuspends++;
    });
    // Node's own 'resume', of a reader that goes on, may come in between.
    stream.on('resume', () => {
      if (!isSuspended || stream.suspended) return;
      isSuspended = false;
      values.streamResumes++;
    });
    stream.once('close', () => values.closed++);
  }

  failed(kind: Kind, end: End, error: unknown): void {
    const what = `${kind} ${end}`;
    const code = codeOf(error);
    if (isExpected(kind, end, code)) increment(this.values.expectedErrors, `${what} ${code}`);
    else this.unexpected(what, error);
  }

  unexpected(what: string, error: unknown): void {
    increment(this.values.unexpectedErrors, `${what} ${codeOf(error)}`);
    if (this.values.details.length >= MOST_DETAILS) return;
    this.values.details.push(
      `${new Date().toISOString()} ${what}: ${codeOf(error)}: ${(error as Error).message ?? error}`,
    );
  }

  /** What nobody handles is a defect as well, and the run goes on to show what comes of it. */
  watchProcess(): void {
    process.on('uncaughtException', (error) => this.unexpected('uncaught', error));
    process.on('unhandledRejection', (reason) => this.unexpected('unhandled', reason));
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? 'Error');
}

function increment(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

export function totalOf(counts: Record<string, number>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

/** The same key may be in several. */
export function mergeCounts(...all: readonly Record<string, number>[]): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const counts of all) for (const [key, count] of Object.entries(counts)) merged[key] = (merged[key] ?? 0) + count;
  return merged;
}
