import { quote, UsageError } from './flags.js';

export interface Address {
  host: string;
  port: number;
}

const LOCAL_HOST = '127.0.0.1';
const MAX_PORT = 65_535;
/** `[::1]:80`, `localhost:80`, `80`: brackets, since an IPv6 address has colons of its own. */
const ADDRESS = /^(?:\[(?<ipv6>[^\]]+)\]:|(?<host>[^:[\]\s]+):)?(?<port>\d+)$/;

/**
 * @param lowestPort 0 where any free one may be taken
 * @throws UsageError
 */
export function parseAddress(flag: string, text: string, lowestPort: 0 | 1): Address {
  const { ipv6, host = ipv6 ?? LOCAL_HOST, port } = ADDRESS.exec(text)?.groups ?? {};
  if (port === undefined) throw new UsageError(`${flag} must be HOST:PORT, [IPV6]:PORT or PORT, not ${quote(text)}`);
  const number = Number(port);
  if (number < lowestPort || number > MAX_PORT)
    throw new UsageError(`${flag} must have a port from ${lowestPort} to ${MAX_PORT}, unlike ${quote(text)}`);
  return { host, port: number };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
