import type { Refusal } from '../../src/index.js';
import { toHex } from './checksum.js';
import { announce, find, showState } from './dom.js';
import type { AppCode, Failure } from './failure-text.js';
import { ProgressView } from './progress-view.js';
import type { Receipt } from './send-file.js';
import { shortSum } from './wording.js';

/** The relay waits 30 s for an answer; ours comes before. */
const ANSWER_WITHIN_S = 25;

/** One download, in the sender's page. */
export class DownloadRow {
  readonly element: HTMLLIElement;
  private readonly progress: ProgressView;
  private state = '';
  private status = '';
  private isReconnecting = false;

  constructor(
    private readonly title: string,
    from: string,
    onCancel: () => void,
  ) {
    const template = document.getElementById('row-template') as HTMLTemplateElement;
    this.element = find(document.importNode(template.content, true), 'download-row', HTMLLIElement);
    this.progress = new ProgressView(this.element);
    find(this.element, 'row-title', HTMLElement).textContent = from === '' ? title : `${title} · ${from}`;
    find(this.element, 'progress', HTMLElement).setAttribute('aria-label', `Progress of ${title}`);
    find(this.element, 'row-cancel', HTMLElement).setAttribute('aria-label', `Cancel ${title}`);
    find(this.element, 'row-cancel', HTMLElement).addEventListener('click', onCancel);
  }

  get isOver(): boolean {
    return ['done', 'failed', 'declined'].includes(this.state);
  }

  /** Asks the user, and says no by itself when there is no answer. */
  ask(): Promise<true | Refusal> {
    this.show('asking', 'Wants to download');
    announce(`${this.title} waits for your permission`);
    return new Promise((resolve) => {
      const answer = (refusal: (Refusal & { code: AppCode }) | undefined, status: string): void => {
        clearInterval(timer);
        this.show(refusal ? 'declined' : 'starting', status);
        resolve(refusal ?? true);
      };
      const until = performance.now() + ANSWER_WITHIN_S * 1000;
      const tick = (): void => {
        const left = Math.ceil((until - performance.now()) / 1000);
        find(this.element, 'row-countdown', HTMLElement).textContent = `${left} s to answer`;
        if (left <= 0) answer({ code: 'NO_ANSWER', text: 'the sender did not answer in time' }, 'Not answered in time');
      };
      const timer = setInterval(tick, 1000);
      tick();
      find(this.element, 'row-allow', HTMLElement).addEventListener('click', () => answer(undefined, 'Starting…'));
      find(this.element, 'row-decline', HTMLElement).addEventListener('click', () =>
        answer({ code: 'DECLINED', text: 'the sender declined' }, 'Declined'),
      );
    });
  }

  /** It never started. */
  giveUp(status: string): void {
    this.show('declined', status);
  }

  start(size: number): void {
    this.show('sending', 'Downloading');
    this.progress.start(size);
    announce(`${this.title} started`);
  }

  sent(bytes: number): void {
    this.progress.set(bytes);
  }

  /** One of the two pages has lost its connection; the download is not over. */
  setReconnecting(isReconnecting: boolean): void {
    this.isReconnecting = isReconnecting;
    this.paint();
    if (!this.isOver) announce(`${this.title} ${isReconnecting ? 'is reconnecting' : 'goes on'}`);
  }

  /** All is with the receiver, who still has to save and check it. */
  confirming(): void {
    this.progress.stop();
    this.show('confirming', 'Delivered, being checked');
  }

  done({ checksum, confirmed }: Receipt): void {
    this.progress.stop();
    const status = confirmed ? 'Delivered, checksums match' : 'Delivered';
    this.show('done', status);
    const sum = find(this.element, 'row-checksum', HTMLElement);
    sum.textContent = `SHA-256 ${shortSum(toHex(checksum))}`;
    sum.title = toHex(checksum);
    announce(`${this.title}: ${status}`);
  }

  fail({ title, code }: Failure): void {
    this.progress.stop();
    this.show('failed', title);
    find(this.element, 'row-code', HTMLElement).textContent = code;
    announce(`${this.title}: ${title}`);
  }

  private show(state: string, status: string): void {
    this.state = state;
    this.status = status;
    this.paint();
  }

  private paint(): void {
    const isWaiting = this.isReconnecting && !this.isOver;
    showState(this.element, isWaiting ? 'reconnecting' : this.state);
    find(this.element, 'row-status', HTMLElement).textContent = isWaiting ? 'Reconnecting…' : this.status;
  }
}
