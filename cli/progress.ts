import type { Writable } from 'node:stream';
import cliProgress from 'cli-progress';
import { oneLine, say } from './notices.js';

/** How far one file is. */
export interface FileProgress {
  update(doneBytes: number, sizeBytes: number): void;
  /** It is over, with this outcome. */
  end(outcome: string): void;
}

/** How far all files are. */
export interface Progress {
  begin(what: string): FileProgress;
  close(): void;
}

/** Bars where somebody looks at them; lines where they are kept. */
export function openProgress(isQuiet: boolean, output: Writable & { isTTY?: boolean } = process.stderr): Progress {
  if (isQuiet) return SILENCE;
  return output.isTTY ? new Bars(output) : LINES;
}

const SILENCE: Progress = { begin: () => ({ update: () => {}, end: () => {} }), close: () => {} };

const LINES: Progress = { begin: (what) => new Lines(oneLine(what)), close: () => {} };

/** One at the start, one for every tenth, and one at the end. */
class Lines implements FileProgress {
  private tenths: number | undefined;

  constructor(private readonly what: string) {}

  update(doneBytes: number, sizeBytes: number): void {
    const tenths = sizeBytes === 0 ? 10 : Math.floor((10 * doneBytes) / sizeBytes);
    if (this.tenths === undefined) {
      say(
        `${this.what}: ${formatBytes(sizeBytes)}${doneBytes > 0 ? `, ${formatBytes(doneBytes)} of it there before` : ''}`,
      );
    } else if (tenths > this.tenths && tenths < 10) {
      say(`${this.what}: ${tenths}0 %`);
    }
    this.tenths = tenths;
  }

  end(outcome: string): void {
    say(`${this.what}: ${outcome}`);
  }
}

const FORMAT = '{bar} {percentage} % of {size} | {what}';

class Bars implements Progress {
  private readonly bars: cliProgress.MultiBar;
  private count = 0;

  constructor(output: Writable) {
    const options = { format: FORMAT, stream: output, hideCursor: true };
    this.bars = new cliProgress.MultiBar(options, cliProgress.Presets.shades_classic);
  }

  begin(what: string): FileProgress {
    const name = oneLine(what);
    let bar: cliProgress.SingleBar | undefined;
    return {
      update: (doneBytes, sizeBytes) => {
        const payload = { what: name, size: formatBytes(sizeBytes) };
        // An empty file is complete, and no number of parts of nothing says so.
        bar ??= this.create(sizeBytes || 1, payload);
        bar.update(sizeBytes === 0 ? 1 : doneBytes, payload);
      },
      end: (outcome) => {
        bar?.update({ what: `${name}: ${outcome}` });
        bar?.stop();
      },
    };
  }

  close(): void {
    // It leaves a line even where there was no bar.
    if (this.count > 0) this.bars.stop();
    this.count = 0;
  }

  private create(total: number, payload: object): cliProgress.SingleBar {
    this.count++;
    return this.bars.create(total, 0, payload);
  }
}

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'];

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length);
  return `${(bytes / 1024 ** power).toFixed(1)} ${UNITS[power - 1]}`;
}
