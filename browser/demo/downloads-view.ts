import type { Refusal, TunnelStream } from '../../src/index.js';
import { sameChecksum } from './checksum.js';
import { find } from './dom.js';
import { DownloadRow } from './download-row.js';
import { endingWith, explainToSender } from './failure-text.js';
import { sendFile } from './send-file.js';
import { watchSuspension } from './suspension.js';
import { type RequestMeta, TransferError } from './transfer-format.js';

/** Finished downloads beyond this disappear from the list, the oldest first. */
const KEPT_ROWS = 50;
/** Open questions: more are refused, or somebody could fill the page with them. */
const MAX_QUESTIONS = 20;
/** After "Allow" the stream comes at once, or the receiver has given up meanwhile. */
const STREAM_WITHIN_MS = 5000;

/** The list of downloads in the sender's page: one row each, from the first question to the last checksum. */
export class DownloadsView {
  isAskingFirst = false;
  private readonly rows: DownloadRow[] = [];
  /** Rows whose question was answered with yes, and whose stream has not come yet. */
  private readonly allowed = new Map<string, DownloadRow>();
  private questions = 0;
  private count = 0;
  private readonly streams = new Map<DownloadRow, TunnelStream>();

  /** @param onQuestions how many questions wait for an answer, to be noticed in a tab behind others */
  constructor(
    private readonly root: HTMLElement,
    private readonly onQuestions: (count: number) => void,
  ) {}

  get activeCount(): number {
    return this.streams.size;
  }

  clear(): void {
    this.rows.length = 0;
    this.allowed.clear();
    this.count = 0;
    this.list.replaceChildren();
    this.showEmpty();
  }

  accept(request: RequestMeta): boolean | Promise<true | Refusal> {
    return this.isAskingFirst ? this.ask(request) : true;
  }

  private async ask(request: RequestMeta): Promise<true | Refusal> {
    if (this.questions >= MAX_QUESTIONS) return { code: 'NO_ANSWER', text: 'the sender has too many open questions' };
    this.onQuestions(++this.questions);
    const row = this.addRow(request);
    const answer = await row.ask();
    this.onQuestions(--this.questions);
    if (answer === true) this.expectStream(request, row);
    return answer;
  }

  private expectStream({ id }: RequestMeta, row: DownloadRow): void {
    this.allowed.set(id, row);
    setTimeout(() => {
      if (this.allowed.get(id) !== row) return;
      this.allowed.delete(id);
      row.giveUp('The receiver did not wait');
    }, STREAM_WITHIN_MS);
  }

  async send(file: File, stream: TunnelStream, request: RequestMeta): Promise<void> {
    const row = this.allowed.get(request.id) ?? this.addRow(request);
    this.allowed.delete(request.id);
    this.streams.set(row, stream);
    row.start(file.size);
    watchSuspension(stream, (isSuspended) => row.setReconnecting(isSuspended));
    try {
      const receipt = await sendFile(file, stream, (bytes) => {
        row.sent(bytes);
        if (bytes === file.size) row.confirming();
      });
      if (receipt.confirmed && !sameChecksum(receipt.checksum, receipt.confirmed)) {
        throw new TransferError('CHECKSUM_DIFFERS', 'the receiver got other bytes than were sent');
      }
      row.done(receipt);
    } catch (error) {
      stream.destroy(error as Error); // where the stream is not what failed, the receiver has to be told
      row.fail(explainToSender(error));
    } finally {
      this.streams.delete(row);
    }
  }

  private addRow({ from }: RequestMeta): DownloadRow {
    const row: DownloadRow = new DownloadRow(`Download ${++this.count}`, from, () => {
      this.streams.get(row)?.destroy(endingWith('SENDER_CANCELED', 'canceled by the sender'));
    });
    this.rows.push(row);
    this.list.prepend(row.element);
    this.dropOldRows();
    this.showEmpty();
    return row;
  }

  private dropOldRows(): void {
    const over = this.rows.filter((row) => row.isOver);
    for (const row of over.slice(0, Math.max(0, over.length - KEPT_ROWS))) {
      row.element.remove();
      this.rows.splice(this.rows.indexOf(row), 1);
    }
  }

  private get list(): HTMLElement {
    return find(this.root, 'downloads', HTMLElement);
  }

  private showEmpty(): void {
    find(this.root, 'downloads-empty', HTMLElement).hidden = this.rows.length > 0;
  }
}
