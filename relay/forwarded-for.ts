import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, SocketAddress } from 'node:net';

interface Address {
  text: string;
  family: 'ipv4' | 'ipv6';
}

/** The proxies whose word about their clients is taken. */
export class TrustedProxies {
  private readonly list = new BlockList();

  /**
   * @param ranges addresses and ranges, such as `10.0.0.0/8`, `192.0.2.7` or `fd00::/8`
   * @throws RangeError naming the one that is neither
   */
  constructor(ranges: readonly string[] = []) {
    for (const range of ranges) this.add(range);
  }

  has({ text, family }: Address): boolean {
    return this.list.check(text, family);
  }

  private add(range: string): void {
    const parts = typeof range === 'string' ? /^([^/]*)(?:\/(\d{1,3}))?$/.exec(range) : undefined;
    const [, text = '', prefix] = parts ?? [];
    const address = isIP(text) === 0 ? undefined : parseAddress(text);
    const bits = address?.family === 'ipv6' ? 128 : 32;
    const length = prefix === undefined ? bits : Number(prefix);
    // A range of IPv4 addresses that is written as IPv6 counts other bits than it seems to.
    const isMapped = address?.family === 'ipv4' && isIP(text) === 6 && prefix !== undefined;
    if (address === undefined || length > bits || isMapped)
      throw new RangeError(
        `trustedProxies must be addresses or ranges such as 10.0.0.0/8, unlike ${JSON.stringify(range)}`,
      );
    this.list.addSubnet(address.text, length, address.family);
  }
}

/**
 * Who sent a request: the peer of its socket or, where that is a trusted proxy, whoever that proxy says it was, which may be
 * the next proxy. So it is the right-most address of X-Forwarded-For that is not a trusted proxy's: what stands to the left
 * of it anybody may have written. Where a proxy says nothing that is an address, it is taken for the sender itself.
 * IPv4 in its own form, also where it came as IPv6; undefined where the socket has no peer that has an address.
 */
export function remoteAddressOf(
  request: Pick<IncomingMessage, 'headers'> & { socket: { remoteAddress?: string | undefined } },
  trusted: TrustedProxies,
): string | undefined {
  let sender = parseAddress(request.socket.remoteAddress ?? '');
  const said = [request.headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
  while (sender !== undefined && trusted.has(sender)) {
    const before = parseAddress(said.pop()?.trim() ?? '');
    if (before === undefined) break;
    sender = before;
  }
  return sender?.text;
}

/** Some proxies add a port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
const WITH_PORT = /^(?:\[(?<ipv6>[^\]]*)\]|(?<ipv4>[\d.]+))(?::\d{1,5})?$/;

/** One spelling for each, for counting and comparing. */
function parseAddress(text: string): Address | undefined {
  const { ipv4, ipv6 } = WITH_PORT.exec(text)?.groups ?? {};
  // `fe80::1%eth0`: on which of this machine's networks it is.
  const [bare = ''] = (ipv4 ?? ipv6 ?? text).split('%');
  const kind = isIP(bare);
  if (kind === 0) return undefined;
  if (kind === 4) return { text: bare, family: 'ipv4' };
  const { address } = new SocketAddress({ address: bare, family: 'ipv6' });
  const mapped = /^::ffff:([\d.]+)$/.exec(address)?.[1];
  return mapped === undefined ? { text: address, family: 'ipv6' } : { text: mapped, family: 'ipv4' };
}
