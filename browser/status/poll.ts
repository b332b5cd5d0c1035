import type { RelayInspection } from '../../relay/inspection.js';

/** What asking came to. */
export type Answer =
  | { kind: 'snapshot'; snapshot: RelayInspection }
  /** It wants to know who asks, or that one may not. */
  | { kind: 'locked'; why: string }
  | { kind: 'failed'; why: string };

const POLL_MS = 2_000;
const TIMEOUT_MS = 10_000;

/**
 * Asks again and again, one question at a time, and not while nobody sees the page. The token stays in this object: it
 * is in no address, no cookie and no storage, and a reload forgets it.
 */
export class Poll {
  private token: string | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isAsking = false;
  private isLocked = false;

  constructor(
    private readonly url: string,
    private readonly answered: (answer: Answer) => void,
  ) {
    document.addEventListener('visibilitychange', () => this.askSoon());
  }

  askSoon(): void {
    clearTimeout(this.timer);
    if (document.hidden || this.isAsking || this.isLocked) return;
    void this.askOnce();
  }

  signIn(token: string): void {
    this.token = token;
    this.isLocked = false;
    this.askSoon();
  }

  private async askOnce(): Promise<void> {
    this.isAsking = true;
    const answer = await this.ask();
    this.isAsking = false;
    this.isLocked = answer.kind === 'locked';
    if (this.isLocked) this.token = undefined;
    this.answered(answer);
    if (!document.hidden && !this.isLocked) this.timer = setTimeout(() => this.askSoon(), POLL_MS);
  }

  private async ask(): Promise<Answer> {
    try {
      const response = await fetch(this.url, {
        headers: this.token === undefined ? {} : { Authorization: `Bearer ${this.token}` },
        cache: 'no-store',
        credentials: 'omit',
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.ok) return { kind: 'snapshot', snapshot: await response.json() };
      const why = await reasonOf(response);
      return { kind: response.status === 401 || response.status === 403 ? 'locked' : 'failed', why };
    } catch (error) {
      const isLate = (error as Error).name === 'TimeoutError';
      return { kind: 'failed', why: isLate ? 'it did not answer in time' : 'it cannot be reached' };
    }
  }
}

async function reasonOf(response: Response): Promise<string> {
  const body = await response.json().catch(() => undefined);
  return typeof body?.message === 'string' ? body.message : `it answered ${response.status}`;
}
