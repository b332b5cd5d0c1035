const MAX_KEY_SET_BYTES = 1024 * 1024;

/** After a failure: how long it is the answer, milliseconds. Whoever brings tokens must not make this relay ask on and on. */
export const HOLD_OFF_MS = 5_000;

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Fetches a set of keys; one that could not be had is not asked for again for a moment. */
export class KeySetFetch {
  private failure: { error: unknown; until: number } | undefined;

  constructor(
    private readonly fetchNow: Fetch = fetch,
    private readonly now: () => number = () => performance.now(),
  ) {}

  readonly fetch: Fetch = async (url, init) => {
    if (this.failure && this.now() < this.failure.until) throw this.failure.error;
    try {
      const text = await this.read(url, init);
      this.failure = undefined;
      return new Response(text, { status: 200 });
    } catch (error) {
      this.failure = { error, until: this.now() + HOLD_OFF_MS };
      throw error;
    }
  };

  /** All of it, within the deadline of the request. */
  private async read(url: string, init: RequestInit): Promise<string> {
    const response = await this.fetchNow(url, init);
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`the key set is answered with status ${response.status}`);
    }
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > MAX_KEY_SET_BYTES) throw new Error(`the key set is over ${MAX_KEY_SET_BYTES} bytes`);
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString();
    // What comes instead (a page of a proxy, say) is a failure like any other.
    if (!Array.isArray(JSON.parse(text)?.keys)) throw new Error('what was answered is no key set');
    return text;
  }
}
