import { copyText } from './copy-text.js';
import { announce, find, showState } from './dom.js';
import { DownloadsView } from './downloads-view.js';
import { watchDrops } from './drop-zone.js';
import { explainOffline } from './failure-text.js';
import { Share } from './share.js';
import { isLocalOnly, linkOf, newShareName } from './share-name.js';
import { kindText, sizeText } from './wording.js';

/** The page that shares a file. */
export class SenderView {
  private readonly root = find(document, 'sender', HTMLElement);
  private readonly downloads = new DownloadsView(this.root, (count) => this.titleQuestions(count));
  private share: Share | undefined;
  private title = '';

  open(): void {
    this.root.hidden = false;
    showState(this.root, 'idle');
    const input = this.part('file-input', HTMLInputElement);
    input.addEventListener('change', () => {
      const file = input.files?.[0];
      if (file) this.start(file);
      input.value = ''; // so that choosing the same file again is a change
    });
    watchDrops(this.part('drop-zone'), {
      isWanted: () => this.share === undefined,
      onFile: (file) => this.start(file),
      onRefused: (why) => this.notice(why),
    });
    this.part('copy-link').addEventListener('click', () => this.copyLink());
    this.part('share-link').addEventListener('focus', () => this.part('share-link', HTMLInputElement).select());
    this.part('share-retry').addEventListener('click', () => this.share?.retryNow());
    this.part('stop-sharing').addEventListener('click', () => this.stop());
    const ask = this.part('ask-toggle', HTMLInputElement);
    ask.addEventListener('change', () => {
      this.downloads.isAskingFirst = ask.checked;
    });
    this.downloads.isAskingFirst = ask.checked; // a reload may keep it
    addEventListener('beforeunload', (event) => {
      if (this.downloads.activeCount > 0) event.preventDefault();
    });
  }

  private start(file: File): void {
    const meta = { fileName: file.name, size: file.size, type: file.type };
    const share = new Share(newShareName(), meta, {
      onConnecting: () => showState(this.root, 'connecting'),
      onOnline: () => {
        showState(this.root, 'online');
        announce('The link is ready');
      },
      onReconnecting: () => {
        showState(this.root, 'reconnecting');
        announce('The connection is lost. Reconnecting');
      },
      onOffline: (reason, retryInMs) => this.showOffline(reason, retryInMs),
      onViewers: (count) => this.showViewers(count),
      accept: (request) => this.downloads.accept(request),
      onDownload: (stream, request) => void this.downloads.send(file, stream, request),
    });
    this.share = share;
    this.notice('');
    this.text('share-kind', kindText(file.name));
    this.text('share-name', file.name);
    this.text('share-size', sizeText(file.size));
    this.part('share-link', HTMLInputElement).value = linkOf(share.name);
    this.part('local-hint').hidden = !isLocalOnly();
    this.downloads.clear();
    this.showViewers(0);
    this.title = `Sharing ${file.name}`;
    document.title = this.title;
    void share.run();
    this.part('copy-link').focus();
  }

  private stop(): void {
    const question = 'Downloads are running. Stop sharing and end them?';
    if (this.downloads.activeCount > 0 && !confirm(question)) return;
    void this.share?.stop();
    this.share = undefined;
    showState(this.root, 'idle');
    this.notice('You stopped sharing. The link no longer works.');
    document.title = 'Trunkline: send a file from this tab';
    this.part('file-input').focus();
  }

  private async copyLink(): Promise<void> {
    const copied = await copyText(this.part('share-link', HTMLInputElement));
    const text = copied ? 'Copied' : 'Press Ctrl+C';
    this.text('copy-link', text);
    announce(copied ? 'The link is copied' : 'The link is selected; copy it with your keyboard');
    setTimeout(() => this.text('copy-link', 'Copy link'), 2000);
  }

  private showOffline(reason: unknown, retryInMs: number): void {
    const { title, text, code } = explainOffline(reason);
    showState(this.root, 'offline');
    this.text('share-failure-title', title);
    this.text('share-failure-text', `${text} The link works again as soon as the connection is back.`);
    this.text('share-failure-code', `${code} · trying again in ${retryInMs / 1000} s`);
  }

  private showViewers(count: number): void {
    const people = count === 1 ? '1 page has' : `${count} pages have`;
    this.text('viewers', count === 0 ? '' : `${people} the link open`);
  }

  private titleQuestions(count: number): void {
    if (this.share) document.title = count === 0 ? this.title : `(${count}) May they download? ${this.title}`;
  }

  private notice(text: string): void {
    this.text('sender-notice', text);
    this.part('sender-notice').hidden = text === '';
  }

  private text(testId: string, text: string): void {
    this.part(testId).textContent = text;
  }

  private part<T extends HTMLElement = HTMLElement>(testId: string, kind?: abstract new () => T): T {
    return find(this.root, testId, kind ?? (HTMLElement as unknown as abstract new () => T));
  }
}
