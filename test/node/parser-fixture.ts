import { portableMasking } from '../../src/node/masking.js';
import { WebSocketBreach, WebSocketParser } from '../../src/node/websocket-parser.js';

/** What a parser told, in order: payloads joined to messages, everything else by name. */
export class HeardParser {
  readonly told: string[] = [];
  readonly messages: Buffer[] = [];
  /** Frames that carried nothing. */
  idleFrames = 0;
  private parts: Uint8Array[] = [];
  readonly parser: WebSocketParser;

  constructor(readonly expectsMask: boolean) {
    this.parser = new WebSocketParser(expectsMask, portableMasking, {
      received: (bytes, isLast) => this.received(bytes, isLast),
      text: () => this.told.push('text'),
      idle: () => {
        this.idleFrames++;
      },
      ping: (payload) => this.told.push(`ping ${Buffer.from(payload).toString('hex')}`),
      close: (code, reason) => this.told.push(`close ${code} ${reason}`),
    });
  }

  /** Of the message that is still coming. */
  get partialBytes(): number {
    return this.parts.reduce((sum, part) => sum + part.length, 0);
  }

  private received(bytes: Uint8Array, isLast: boolean): void {
    if (bytes.length === 0 && !isLast) throw new Error('told nothing');
    this.parts.push(bytes);
    if (!isLast) return;
    // Not copied before: what was handed out must stay as it is.
    this.messages.push(Buffer.concat(this.parts));
    this.parts = [];
    this.told.push(`message ${this.messages.length - 1}`);
  }

  /** A copy, as what comes from a socket is nobody else's. */
  feed(bytes: Uint8Array): void {
    this.parser.parse(Uint8Array.from(bytes));
  }

  /** Byte by byte: which one broke which rule. */
  breachOf(bytes: Uint8Array): { closeCode: number; at: number } | undefined {
    for (const [at, byte] of bytes.entries()) {
      try {
        this.feed(Uint8Array.of(byte));
      } catch (error) {
        if (!(error instanceof WebSocketBreach)) throw error;
        return { closeCode: error.closeCode, at };
      }
    }
    return undefined;
  }
}
