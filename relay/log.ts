/** Where a relay says what happens: `pino` is one, and so is anything with these methods. */
export interface RelayLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export type LogLevel = (typeof LEVELS)[number];

/** Lines of one kind within a second. What is above is counted, and the next line of that kind says how many. */
export const MAX_LINES_PER_SECOND = 100;
const SECOND_MS = 1_000;

interface Kind {
  secondBegan: number;
  lines: number;
  /** What the next line has to make up for. */
  unlogged: number;
}

/**
 * Hands lines to an application's logger. Peers cause most lines, so they are held to a number: a flood of requests shall
 * be no flood of the disk. What the logger throws is its own error: it surfaces as such and breaks no connection.
 */
export class RelayLog {
  private readonly kinds = new Map<string, Kind>();

  /** @throws TypeError when the logger lacks a method */
  constructor(
    private readonly logger: RelayLogger | undefined,
    private readonly now: () => number,
  ) {
    for (const level of logger === undefined ? [] : LEVELS) {
      if (typeof logger?.[level] !== 'function') throw new TypeError(`a logger has a method ${level}`);
    }
  }

  write(level: LogLevel, message: string, fields: object): void {
    if (this.logger === undefined) return;
    const kind = this.kindOf(message);
    if (kind.lines >= MAX_LINES_PER_SECOND) {
      kind.unlogged++;
      return;
    }
    kind.lines++;
    const missing = kind.unlogged > 0 ? { unlogged: kind.unlogged } : {};
    kind.unlogged = 0;
    this.hand(this.logger, level, { ...fields, ...missing }, message);
  }

  private kindOf(message: string): Kind {
    const now = this.now();
    let kind = this.kinds.get(message);
    if (kind === undefined) {
      kind = { secondBegan: now, lines: 0, unlogged: 0 };
      this.kinds.set(message, kind);
    }
    if (now - kind.secondBegan >= SECOND_MS) {
      kind.secondBegan = now;
      kind.lines = 0;
    }
    return kind;
  }

  private hand(logger: RelayLogger, level: LogLevel, fields: object, message: string): void {
    try {
      logger[level](fields, message);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

/**
 * An error without its text, which may repeat what a peer or a token said: its class, its code, and where it came from.
 */
export function describeDefect(error: Error): object {
  const cause = error.cause instanceof Error ? error.cause : error;
  const frames = (cause.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return { error: cause.name, at: frames.slice(0, 8).map((line) => line.trim()) };
}
