/** What carries the streams: the three roles of one product under measurement, each in a process of its own. */
export interface Carrier {
  /** Resolves with the port it listens on. `pageOrigin`: of a page that may come to it, from another port. */
  startRelay(pageOrigin?: string): Promise<number>;
  /** Resolves once clients can be matched with it. */
  listen(relayPort: number, onStream: (stream: ByteStream) => void): Promise<void>;
  connect(relayPort: number): Promise<Line>;
}

/** The client's way to open streams. */
export interface Line {
  open(): Promise<ByteStream>;
  /** One more to the same relay: a tunnel of its own where there are tunnels. */
  another(): Promise<Line>;
  close(): Promise<void>;
}

/** The least that both carriers can do; what is measured uses nothing else. */
export interface ByteStream {
  /** False: wait for `whenDrained` before writing on. */
  write(bytes: Uint8Array): boolean;
  whenDrained(): Promise<void>;
  onData(listener: (bytes: Uint8Array) => void): void;
  /** Reads no more. */
  pause(): void;
  /** Resolves when the stream is closed at this side. */
  close(): Promise<void>;
}

export type CarrierName = 'trunkline' | 'raw-ws';

export async function loadCarrier(name: CarrierName): Promise<Carrier> {
  return name === 'trunkline' ? (await import('./trunkline.js')).trunkline : (await import('./raw-ws.js')).rawWs;
}
