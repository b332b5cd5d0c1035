/** 128 random bits as 32 hexadecimal digits. `crypto.randomUUID` would do, but pages have it in secure contexts only. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}
