import { afterEach, beforeEach } from 'vitest';
import { dialConnection } from '../../src/runtime/dial-connection.js';
import type { Connection } from '../../src/transport/connection.js';
import type { DialOptions } from '../../src/transport/dial.js';
import { ConnectProxy, type ConnectProxyOptions } from '../support/connect-proxy.js';
import { until } from '../support/until.js';
import { cleanups } from './echo-fixture.js';
import { Told } from './framed-fixture.js';

const VARIABLES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()]);

/** No test of this file sees the proxies of the machine that it runs on, nor those of another test. */
export function ownEnvironment(): void {
  let before: [string, string | undefined][] = [];
  beforeEach(() => {
    before = VARIABLES.map((name) => [name, process.env[name]]);
    for (const name of VARIABLES) delete process.env[name];
  });
  afterEach(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}

export async function startProxy(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const proxy = await ConnectProxy.start(options);
  cleanups.push(() => proxy.close());
  return proxy;
}

export function dialThrough(url: string, options: DialOptions): { connection: Connection; told: Told } {
  const told = new Told();
  const connection = dialConnection(url, options);
  cleanups.push(() => connection.terminate());
  connection.start(told);
  return { connection, told };
}

/** Of a dial that comes to nothing. */
export async function failureOf(url: string, options: DialOptions) {
  const { told } = dialThrough(url, options);
  await until(() => told.ends.length > 0, 'the end of the dial');
  return told.ends[0]!;
}
