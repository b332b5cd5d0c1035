import type { ByteStream } from '../../carriers/carrier.js';

/** What a page's end of a stream can do. */
export type PageStream = Omit<ByteStream, 'pause'>;

/** A page's end of a carrier. */
export interface PageLine {
  open(): Promise<PageStream>;
  /** How often the far end is to say what it has counted, for a carrier that needs to know. */
  readonly reportEveryBytes?: number;
}
