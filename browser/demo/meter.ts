/** The speed shown is that of the last few seconds: an average over all would hide that it stalls now. */
const SPAN_MS = 4000;
const SAMPLE_EVERY_MS = 100;

export interface Reading {
  bytes: number;
  /** 0 to 1. */
  fraction: number;
  bytesPerSecond: number;
  /** Undefined while there is nothing to say. */
  secondsLeft: number | undefined;
}

/** Turns "so many bytes by now" into progress, speed and the time left. */
export class Meter {
  private bytes = 0;
  private readonly samples: { at: number; bytes: number }[];

  constructor(
    private readonly total: number,
    startedAt: number,
  ) {
    this.samples = [{ at: startedAt, bytes: 0 }];
  }

  set(bytes: number, now: number): void {
    this.bytes = bytes;
    const last = this.samples.at(-1)!;
    if (now - last.at >= SAMPLE_EVERY_MS) this.samples.push({ at: now, bytes });
    while (this.samples.length > 2 && this.samples[1]!.at < now - SPAN_MS) this.samples.shift();
  }

  read(now: number): Reading {
    const since = this.samples.find((sample) => sample.at >= now - SPAN_MS) ?? this.samples.at(-1)!;
    const seconds = Math.max(now - since.at, 1) / 1000;
    const bytesPerSecond = seconds < 0.2 ? 0 : (this.bytes - since.bytes) / seconds;
    return {
      bytes: this.bytes,
      fraction: this.total === 0 ? 1 : this.bytes / this.total,
      bytesPerSecond,
      secondsLeft: bytesPerSecond > 0 ? (this.total - this.bytes) / bytesPerSecond : undefined,
    };
  }
}
