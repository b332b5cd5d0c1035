/** Waits that all end at once when a run is wound up, and hold no process after that. */
export class Pauses {
  private readonly waiting = new Map<NodeJS.Timeout, () => void>();
  isOver = false;

  pause(durationMs: number): Promise<void> {
    if (this.isOver || durationMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.waiting.delete(timer);
        resolve();
      }, durationMs);
      this.waiting.set(timer, resolve);
    });
  }

  end(): void {
    this.isOver = true;
    for (const [timer, resolve] of this.waiting) {
      clearTimeout(timer);
      resolve();
    }
    this.waiting.clear();
  }
}
