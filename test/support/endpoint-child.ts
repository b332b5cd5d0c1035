// An endpoint in a process of its own: one that can be frozen and killed.
import {
  type ConnectTunnelOptions,
  connectTunnel,
  StreamClient,
  type StreamListener,
  StreamServer,
  type StreamServerOptions,
  type TrunklineError,
  type Tunnel,
  type TunnelStream,
} from '../../src/index.js';
import { answerQuestions, type ChildCommands, leaveAfter, tellParent } from './child-answers.js';
import { SeededChecker, seededBytes } from './seeded-bytes.js';
import { deferred } from './until.js';

export interface ListenOptions {
  name: string;
  /** What each stream begins with: who answered. No line feed in it. */
  label: string;
  /** The owner secret. */
  owner?: string;
  meta?: unknown;
}

export interface TransferOptions {
  name: string;
  /** Of bytes that follow from it, see seeded-bytes.ts. The echo is checked byte by byte. */
  seed: number;
  bytes: number;
  waitMs?: number;
  meta?: unknown;
  /** Writes no byte from this one on before `proceed`. */
  holdAtBytes?: number;
}

/** One stream, so far. */
export interface StreamReport {
  /** What the far endpoint answered with (client), what this one answers with (listener). */
  label?: string;
  /** At a client; a listener's endpoint writes what it received. */
  writtenBytes: number;
  /** Without the label; at a client only those that were right. */
  receivedBytes: number;
  /** 'finish', 'end', 'error CODE', 'close', as they came. */
  events: string[];
  /** What was wrong with the first byte that was not the one due. */
  wrong?: string;
}

/** What the parent is told whenever it changes. */
export interface EndpointState {
  /** 'open', 'error CODE', 'close CODE', as they came. */
  tunnel: string[];
  /** 'NAME listening', 'NAME error CODE', 'NAME close', as they came. */
  listeners: string[];
  /** In the order they were opened or accepted. */
  streams: StreamReport[];
}

/** Between two reports of progress. */
const PROGRESS_BYTES = 256 * 1024;
const WRITE_BYTES = 32 * 1024;

const state: EndpointState = { tunnel: [], listeners: [], streams: [] };
const listeners = new Map<string, StreamListener>();
let tunnel: Tunnel;
let proceed = deferred();
let isTelling = false;

const commands: ChildCommands = {
  async start({ url, options }: { url: string; options: ConnectTunnelOptions }) {
    tunnel = connectTunnel(url, options);
    const { tunnel: events } = state;
    tunnel.on('open', () => note(events, 'open'));
    tunnel.on('error', (error: TrunklineError) => note(events, `error ${error.code}`));
    tunnel.on('close', (reason: TrunklineError) => note(events, `close ${reason.code}`));
    await tunnel.opened;
  },
  async listen({ name, label, ...options }: ListenOptions) {
    const serverOptions: StreamServerOptions = options;
    const listener = StreamServer(tunnel, serverOptions, (stream) => serve(stream, label)).listen(name);
    listeners.set(name, listener);
    const { listeners: events } = state;
    listener.on('listening', () => note(events, `${name} listening`));
    listener.on('error', (error) => note(events, `${name} error ${error.code}`));
    listener.on('close', () => note(events, `${name} close`));
    await listener.ready;
  },
  unlisten: (name: string) => listeners.get(name)!.close(),
  transfer,
  proceed() {
    proceed.resolve();
    proceed = deferred();
  },
  close() {
    tunnel.close();
    void leaveAfter(tunnel.closed);
  },
};

/** Its label, and then what it gets. */
function serve(stream: TunnelStream, label: string): void {
  const report = follow(stream);
  report.label = label;
  stream.write(`${label}\n`);
  stream.on('data', (chunk: Buffer) => received(report, chunk.length));
  stream.pipe(stream);
}

/** Resolves when the stream is closed, however it ended: the report says. */
async function transfer({ name, seed, bytes, waitMs, meta, holdAtBytes }: TransferOptions): Promise<StreamReport> {
  const stream = StreamClient(tunnel).connect(name, { waitMs, meta });
  const report = follow(stream);
  const checker = new SeededChecker(seed);
  let head = Buffer.alloc(0);
  const closed = new Promise((resolve) => stream.once('close', resolve));
  stream.on('data', (chunk: Buffer) => {
    if (report.label !== undefined) return check(chunk);
    head = Buffer.concat([head, chunk]);
    const lineEnd = head.indexOf('\n');
    if (lineEnd === -1) return;
    report.label = head.toString('utf8', 0, lineEnd);
    tell();
    check(head.subarray(lineEnd + 1));
  });
  void writeAll(stream, report, { seed, bytes, holdAtBytes: holdAtBytes ?? bytes });
  await closed;
  return report;

  function check(chunk: Buffer): void {
    try {
      checker.check(chunk);
      received(report, chunk.length);
    } catch (error) {
      report.wrong = (error as Error).message;
      stream.destroy();
    }
  }
}

async function writeAll(
  stream: TunnelStream,
  report: StreamReport,
  { seed, bytes, holdAtBytes }: { seed: number; bytes: number; holdAtBytes: number },
): Promise<void> {
  const released = holdAtBytes < bytes ? proceed.promise : undefined;
  while (report.writtenBytes < bytes && !stream.destroyed) {
    if (report.writtenBytes === holdAtBytes) await released;
    const goal = report.writtenBytes < holdAtBytes ? holdAtBytes : bytes;
    const chunk = seededBytes(seed, report.writtenBytes, Math.min(WRITE_BYTES, goal - report.writtenBytes));
    report.writtenBytes += chunk.length;
    if (!stream.write(chunk)) await new Promise((resolve) => stream.once('drain', resolve));
  }
  stream.end();
}

function follow(stream: TunnelStream): StreamReport {
  const report: StreamReport = { writtenBytes: 0, receivedBytes: 0, events: [] };
  state.streams.push(report);
  tell();
  for (const event of ['finish', 'end', 'close']) stream.on(event, () => note(report.events, event));
  stream.on('error', (error: Error & { code?: string }) => note(report.events, `error ${error.code ?? error.message}`));
  return report;
}

function received(report: StreamReport, bytes: number): void {
  const steps = Math.floor(report.receivedBytes / PROGRESS_BYTES);
  report.receivedBytes += bytes;
  if (Math.floor(report.receivedBytes / PROGRESS_BYTES) > steps) tell();
}

function note(events: string[], event: string): void {
  events.push(event);
  tell();
}

/** Once for all that happens in one turn. */
function tell(): void {
  if (isTelling) return;
  isTelling = true;
  setImmediate(tellNow);
}

function tellNow(): void {
  if (!isTelling) return;
  isTelling = false;
  tellParent(state);
}

// Who has an answer has the state that belongs to it.
answerQuestions(commands, tellNow);
