import { closeSync, createWriteStream, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { devNull } from 'node:os';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { isatty } from 'node:tty';
import { Interrupted } from './signals.js';

const STDIN = 0;
const STDOUT = 1;

/**
 * Standard input and output as one Duplex; its end is the end of standard output. Nothing is read before it is.
 * @throws EISDIR
 */
export function openStdio(): Duplex {
  return new Stdio(openStdin(), openStdout());
}

class Stdio extends Duplex {
  constructor(
    private readonly input: Readable,
    private readonly output: Writable,
  ) {
    super({ allowHalfOpen: true });
    input.pause();
    input.on('data', (chunk) => {
      if (!this.push(chunk)) input.pause();
    });
    input.on('end', () => this.push(null));
    input.on('error', (error) => this.destroy(error));
    output.on('error', (error) => this.destroy(explainOutputError(error)));
  }

  override _read(): void {
    this.input.resume();
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    this.output.write(chunk, (error) => callback(error ? explainOutputError(error) : null));
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.output.end((error?: Error | null) => callback(error ? explainOutputError(error) : null));
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.input.destroy();
    this.output.destroy();
    callback(error);
  }
}

/** Standard input and output for one stream after the other: neither ends with a stream. */
export class StdioInTurn {
  private readonly input: Readable = openStdin();
  private readonly output: Writable = openStdout();

  /** Called when standard input or output cannot be used any more. */
  onBroken: (error: Error) => void = () => {};

  constructor() {
    this.input.on('error', (error) => this.onBroken(error));
    this.output.on('error', (error) => this.onBroken(explainOutputError(error)));
  }

  /** Resolves when both directions of the stream are over; what standard input has then is for the next one. */
  async join(stream: Duplex): Promise<void> {
    if (this.input.readableEnded) stream.end();
    else this.input.pipe(stream);
    stream.pipe(this.output, { end: false });
    try {
      await finished(stream);
    } finally {
      this.input.unpipe(stream);
    }
  }

  close(): void {
    this.input.destroy();
    this.output.destroy();
  }
}

/** Nobody reads any more: a system ends whoever writes then, with this signal and without a word. */
function explainOutputError(error: Error & { code?: string }): Error {
  return error.code === 'EPIPE' ? new Interrupted('SIGPIPE') : error;
}

/** @throws EISDIR for a folder, which to Node is an input that is empty */
function openStdin(): Readable {
  if (fstatSync(STDIN).isDirectory()) {
    throw Object.assign(new Error('standard input is a folder'), { code: 'EISDIR' });
  }
  return process.stdin;
}

/** Not `process.stdout`, which nothing can close: whoever reads a pipe would wait for its end as long as stdin goes on. */
function openStdout(): Writable {
  if (isatty(STDOUT)) return process.stdout;
  const stats = fstatSync(STDOUT);
  if (stats.isFIFO() || stats.isSocket()) {
    return new Socket({ fd: STDOUT, readable: false, writable: true }).once('finish', closeStdout);
  }
  return createWriteStream('', { fd: STDOUT });
}

/** A pipe's reader sees the end once nobody has it open any more. The number is taken again, for no socket to get it. */
function closeStdout(): void {
  closeSync(STDOUT);
  openSync(devNull, 'w');
}
