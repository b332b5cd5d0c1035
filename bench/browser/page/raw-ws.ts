import { decodeReport, REPORT_BYTES } from '../protocol.js';
import type { PageLine, PageStream } from './line.js';

/**
 * A page is told nothing when its socket has drained. Of what a page can do instead, this was the fastest and used the
 * least CPU: the far end says every so often what it has counted, and that wakes the writer. Looking at `bufferedAmount`
 * again and again (a MessageChannel turn each) takes a core from the rest of the browser; a timer fires once a second in
 * a hidden tab.
 */
const HIGH_WATER_BYTES = 1024 * 1024;
const REPORT_EVERY_BYTES = 256 * 1024;

/** A WebSocket per stream, as the relay of ../../carriers/raw-ws.ts expects it. */
export function rawWs(relayPort: number): PageLine {
  return {
    reportEveryBytes: REPORT_EVERY_BYTES,
    async open() {
      const webSocket = new WebSocket(`ws://127.0.0.1:${relayPort}/connect`);
      webSocket.binaryType = 'arraybuffer';
      await happened(webSocket, 'open');
      return toByteStream(webSocket);
    },
  };
}

function toByteStream(webSocket: WebSocket): PageStream {
  let sent = 0;
  let counted = 0;
  let wake: (() => void) | undefined;
  // The second condition is true in the end, whatever the browser does: the last report lets a writer go on.
  const isFull = () => webSocket.bufferedAmount >= HIGH_WATER_BYTES && sent - counted >= HIGH_WATER_BYTES;
  const noteReport = (bytes: Uint8Array) => {
    counted = decodeReport(bytes).count;
    if (!isFull()) wake?.();
  };
  return {
    write(bytes) {
      webSocket.send(bytes as Uint8Array<ArrayBuffer>);
      sent += bytes.length;
      return !isFull();
    },
    whenDrained: () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
    onData(listener) {
      webSocket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
        const bytes = new Uint8Array(data);
        if (bytes.length === REPORT_BYTES) noteReport(bytes);
        listener(bytes);
      });
    },
    async close() {
      const closed = happened(webSocket, 'close');
      webSocket.close();
      await closed;
    },
  };
}

function happened(webSocket: WebSocket, event: 'open' | 'close'): Promise<void> {
  return new Promise((resolve, reject) => {
    webSocket.addEventListener(event, () => resolve(), { once: true });
    webSocket.addEventListener('error', () => reject(new Error('the WebSocket failed')), { once: true });
  });
}
