/** Where the relay is mounted on the server this page comes from. */
export const RELAY_PATH = '/trunkline';

/** Who has the name has the file, so it must not be guessed: 128 random bits. */
export function newShareName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The name stands behind the #, which browsers do not send to any server and servers do not log. */
export function linkOf(name: string): string {
  const link = new URL(location.href);
  link.hash = name;
  return link.href;
}

/** Undefined: no link was opened, this page is about to send. */
export function nameInLink(): string | undefined {
  return location.hash.length > 1 ? location.hash.slice(1) : undefined;
}

/** Whether the page comes from a server that only this computer can reach. */
export function isLocalOnly(): boolean {
  return /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(location.hostname);
}
