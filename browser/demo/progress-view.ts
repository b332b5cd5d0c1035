import { find } from './dom.js';
import { Meter } from './meter.js';
import { sizeText, speedText, timeLeftText } from './wording.js';

const PAINT_EVERY_MS = 100;
/** Bytes that do not come must show too. A hidden page's timers are late, which nobody sees. */
const STALL_CHECK_MS = 500;

/** A progress bar with its figures. */
export class ProgressView {
  private readonly bar: HTMLProgressElement;
  private meter = new Meter(0, 0);
  private total = 0;
  private paintedAt = 0;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly root: HTMLElement,
    private readonly onPaint: (percent: string) => void = () => {},
  ) {
    this.bar = find(root, 'progress', HTMLProgressElement);
  }

  start(total: number): void {
    this.stop();
    this.total = total;
    this.meter = new Meter(total, performance.now());
    this.timer = setInterval(() => this.paint(), STALL_CHECK_MS);
    this.paint();
  }

  set(bytes: number): void {
    const now = performance.now();
    this.meter.set(bytes, now);
    if (now - this.paintedAt >= PAINT_EVERY_MS || bytes === this.total) this.paint();
  }

  /** Leaves the bar where it is. */
  stop(): void {
    clearInterval(this.timer);
    this.paint();
    this.text('speed', '');
    this.text('time-left', '');
  }

  private paint(): void {
    const now = performance.now();
    this.paintedAt = now;
    const { bytes, fraction, bytesPerSecond, secondsLeft } = this.meter.read(now);
    const percent = `${Math.floor(fraction * 100)} %`;
    this.bar.value = fraction;
    this.text('percent', percent);
    this.text('bytes', `${sizeText(bytes)} of ${sizeText(this.total)}`);
    this.text('speed', speedText(bytesPerSecond));
    this.text('time-left', timeLeftText(secondsLeft));
    this.onPaint(percent);
  }

  private text(testId: string, text: string): void {
    find(this.root, testId, HTMLElement).textContent = text;
  }
}
