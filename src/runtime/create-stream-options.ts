export interface CreateStreamOptions {
  /** Any JSON value, shown to the peer as `stream.meta`. At most 8 KiB of JSON. */
  meta?: unknown;
  /** False: a lost connection ends the stream, and nothing is kept to be sent again. Default: as the tunnel. */
  resume?: boolean | undefined;
}

/** @throws TypeError for an unknown one: somebody's meta, given without saying so, would be lost without a word */
export function resolveCreateStreamOptions({ meta, resume = true, ...unknown }: CreateStreamOptions): {
  meta: unknown;
  resume: boolean;
} {
  const [stranger] = Object.keys(unknown);
  if (stranger !== undefined) throw new TypeError(`createStream takes { meta, resume }, and not ${stranger}`);
  return { meta, resume };
}
