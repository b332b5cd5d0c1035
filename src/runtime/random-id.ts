const ID_BYTES = 16;
/** A call for random bytes costs far more than the bytes. */
const RESERVED_IDS = 64;

const reserve = new Uint8Array(ID_BYTES * RESERVED_IDS);
let reserveAt = reserve.length;

const HEXADECIMAL = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** 128 random bits as 32 hexadecimal digits. `crypto.randomUUID` would do, but pages have it in secure contexts only. */
export function randomId(): string {
  if (reserveAt === reserve.length) {
    crypto.getRandomValues(reserve);
    reserveAt = 0;
  }
  let text = '';
  for (const end = reserveAt + ID_BYTES; reserveAt < end; reserveAt++)
    text += HEXADECIMAL[reserve[reserveAt] as number];
  // Ids are secrets as well (owners, endpoints, keys): what was given out is not kept.
  reserve.fill(0, reserveAt - ID_BYTES, reserveAt);
  return text;
}
