import { connectTunnel, StreamClient, TrunklineError, type Tunnel, type TunnelStream } from '../../src/index.js';
import { endingWith } from './failure-text.js';
import { type Checksums, receiveFile } from './receive-file.js';
import type { Saver } from './saver.js';
import { RELAY_PATH } from './share-name.js';
import { watchSuspension } from './suspension.js';
import { type FileMeta, parseFileMeta, type RequestMeta, TransferError } from './transfer-format.js';
import { browserText } from './wording.js';

export interface ReceiverSteps {
  /** The sender has agreed and says once more what comes. */
  onStart(file: FileMeta): void;
  onReceived(bytes: number): void;
  onSaving(): void;
}

/** The receiver's end of a link: one tunnel, a stream that looks, and one that downloads. */
export class Receiver {
  private readonly tunnel: Tunnel = connectTunnel(RELAY_PATH);
  private download: TunnelStream | undefined;
  private readonly suspended = new Set<TunnelStream>();

  /** @param onReconnecting called when this page or the sender's has lost its connection, and when both are back */
  constructor(
    private readonly name: string,
    private readonly onReconnecting: (isReconnecting: boolean) => void,
  ) {
    this.tunnel.on('error', ignore); // each stream tells it too
  }

  /**
   * Asks what is shared.
   * @param onLeft called when the sender leaves afterwards
   */
  async look(onLeft: (reason: unknown) => void): Promise<FileMeta> {
    const stream = this.connect('look');
    await stream.opened;
    const file = parseFileMeta(stream.meta);
    stream.resume();
    stream.once('error', onLeft);
    stream.once('end', () => onLeft(new TrunklineError('LISTENER_GONE')));
    return file;
  }

  /** Downloads the file. Whatever goes wrong, `saver` keeps nothing. */
  async receive(saver: Saver, steps: ReceiverSteps): Promise<Checksums> {
    const stream = this.connect('file');
    this.download = stream;
    try {
      await stream.opened;
      const file = parseFileMeta(stream.meta);
      steps.onStart(file);
      return await receiveFile(stream, file.size, saver, steps);
    } catch (error) {
      await saver.discard();
      // Where the stream is not what failed, the sender is told why. A wrong checksum it sees for itself: it has ours.
      const isTold = error instanceof TransferError && error.code === 'CHECKSUM_DIFFERS';
      if (!isTold) stream.destroy(error as Error);
      throw error;
    } finally {
      this.download = undefined;
    }
  }

  cancel(): void {
    this.download?.destroy(endingWith('RECEIVER_CANCELED', 'the receiver canceled'));
  }

  close(): void {
    this.tunnel.close('the page is done with it');
  }

  private connect(want: RequestMeta['want']): TunnelStream {
    const meta: RequestMeta = {
      want,
      id: crypto.getRandomValues(new Uint32Array(3)).join('.'),
      from: browserText(navigator.userAgent),
    };
    const stream = StreamClient(this.tunnel).connect(this.name, { meta });
    stream.on('error', ignore); // whoever waits for the stream is told as well
    watchSuspension(stream, (isSuspended) => this.setSuspended(stream, isSuspended));
    stream.once('close', () => this.setSuspended(stream, false));
    return stream;
  }

  private setSuspended(stream: TunnelStream, isSuspended: boolean): void {
    const wasReconnecting = this.suspended.size > 0;
    if (isSuspended) this.suspended.add(stream);
    else this.suspended.delete(stream);
    const isReconnecting = this.suspended.size > 0;
    if (isReconnecting !== wasReconnecting) this.onReconnecting(isReconnecting);
  }
}

function ignore(): void {}
