import { toHex } from './checksum.js';
import { announce, find, showState } from './dom.js';
import { explainToReceiver } from './failure-text.js';
import { ProgressView } from './progress-view.js';
import type { Checksums } from './receive-file.js';
import { Receiver } from './receiver.js';
import { chooseSaver, type Saver } from './saver.js';
import type { FileMeta } from './transfer-format.js';
import { kindText, sizeText } from './wording.js';

type State = 'connecting' | 'ready' | 'waiting' | 'receiving' | 'saving' | 'done' | 'failed';

/** The page that a link opens. */
export class ReceiverView {
  private readonly root = find(document, 'receiver', HTMLElement);
  private readonly progress = new ProgressView(this.root, (percent) => this.titlePercent(percent));
  private receiver: Receiver | undefined;
  private file: FileMeta | undefined;
  private saver: Saver | undefined;
  private isCanceled = false;

  constructor(private readonly name: string) {}

  open(): void {
    this.root.hidden = false;
    this.part('retry').addEventListener('click', () => void this.look());
    this.part('download').addEventListener('click', () => void this.download());
    this.part('cancel').addEventListener('click', () => {
      this.isCanceled = true;
      this.receiver?.cancel();
    });
    addEventListener('beforeunload', (event) => {
      if (this.state === 'receiving' || this.state === 'saving') event.preventDefault();
    });
    void this.look();
  }

  private async look(): Promise<void> {
    this.show('connecting');
    this.receiver?.close();
    const receiver: Receiver = new Receiver(this.name, (isReconnecting) => {
      if (this.receiver === receiver) this.showReconnecting(isReconnecting);
    });
    this.showReconnecting(false);
    this.receiver = receiver;
    try {
      const file = await receiver.look((reason) => {
        // A running download tells its own end, better.
        if (this.receiver === receiver && this.state === 'ready') this.fail(reason);
      });
      this.showFile(file);
      this.show('ready');
      announce(`${file.fileName}, ${sizeText(file.size)}, is ready to download`);
    } catch (error) {
      if (this.receiver === receiver) this.fail(error);
    }
  }

  private async download(): Promise<void> {
    const { receiver, file } = this;
    if (!receiver || !file) return;
    const saver = await chooseSaver(file.fileName, file.size);
    if (!saver || this.state !== 'ready') return saver?.discard();
    await this.saver?.discard();
    this.saver = saver;
    this.isCanceled = false;
    this.show('waiting');
    try {
      const sums = await receiver.receive(saver, {
        onStart: (current) => {
          this.showFile(current);
          this.progress.start(current.size);
          this.show('receiving');
          announce('The download has started');
        },
        onReceived: (bytes) => this.progress.set(bytes),
        onSaving: () => this.show('saving'),
      });
      this.progress.stop();
      this.showDone(sums, saver);
    } catch (error) {
      this.progress.stop();
      if (this.isCanceled) await this.look();
      else this.fail(error);
    }
  }

  private showDone({ sender, receiver }: Checksums, saver: Saver): void {
    this.text('done-text', saver.whereText);
    this.text('checksum-sender', toHex(sender));
    this.text('checksum-receiver', toHex(receiver));
    const again = find(this.root, 'save-again', HTMLAnchorElement);
    again.hidden = saver.again === undefined;
    if (saver.again) {
      again.href = saver.again.href;
      again.download = saver.again.fileName;
    }
    this.show('done');
    document.title = `Done: ${this.file?.fileName}`;
    announce('The download is complete and the checksums match');
  }

  private fail(error: unknown): void {
    const { title, text, code, canRetry } = explainToReceiver(error);
    this.text('failure-title', title);
    this.text('failure-text', text);
    this.text('failure-file', this.file ? `${this.file.fileName}, ${sizeText(this.file.size)}` : '');
    this.text('failure-code', code);
    this.part('retry').hidden = !canRetry;
    this.show('failed');
    document.title = title;
  }

  private showReconnecting(isReconnecting: boolean): void {
    this.root.dataset.connection = isReconnecting ? 'reconnecting' : 'online';
    find(this.root, 'download', HTMLButtonElement).disabled = isReconnecting;
    if (isReconnecting) announce('The connection is lost. Reconnecting');
    else if (this.state === 'receiving') announce('The download goes on');
  }

  private showFile(file: FileMeta): void {
    this.file = file;
    this.text('offer-kind', kindText(file.fileName));
    this.text('offer-name', file.fileName);
    this.text('offer-size', sizeText(file.size));
    document.title = file.fileName;
  }

  private titlePercent(percent: string): void {
    if (this.state === 'receiving') document.title = `${percent} of ${this.file?.fileName}`;
  }

  private get state(): State {
    return this.root.dataset.state as State;
  }

  private show(state: State): void {
    showState(this.root, state);
  }

  private text(testId: string, text: string): void {
    this.part(testId).textContent = text;
  }

  private part(testId: string): HTMLElement {
    return find(this.root, testId, HTMLElement);
  }
}
