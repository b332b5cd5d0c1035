/**
 * The protocol and the core compile against ECMAScript alone (docs/architecture.md). These two are the only platform globals they
 * use; every engine we run on has them, and they do no I/O.
 */
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}

declare class TextDecoder {
  constructor(label: 'utf-8', options: { fatal: true });
  decode(bytes: Uint8Array): string;
}
