import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRelay, type RelayLogger, type RelayOptions } from '../relay/index.js';
import { normalizePath } from '../relay/mount.js';
import { checkWholeNumber } from './checks.js';
import { type Command, CommandError } from './command.js';
import { quote, UsageError, type Values } from './flags.js';
import { say, sayError } from './notices.js';
import { checkRelayAccess, RELAY_ACCESS_FLAGS } from './relay-access.js';
import { checkLogger, LOG_FLAG } from './relay-log.js';
import { whenToldToStop } from './signals.js';

/** A day: any more is a mistake, and timers end at 24 of them. */
const MAX_GRACE_SECONDS = 24 * 60 * 60;

interface RelayCommandOptions {
  port: number;
  host: string;
  path: string;
  graceMs: number;
  isQuiet: boolean;
  logger: RelayLogger | undefined;
  routes: { metrics: boolean; status: boolean };
  readOptions: () => Promise<RelayOptions>;
  /** Others can reach it, and nobody is asked for a token. */
  isOpen: boolean;
}

export const relayCommand: Command = {
  summary: 'Runs a relay, until SIGINT (Ctrl-C) or SIGTERM',
  positionals: [],
  flags: {
    port: {
      short: 'p',
      value: 'NUMBER',
      default: '8080',
      env: 'TRUNKLINE_PORT',
      text: 'port to listen on; 0 takes any free one',
    },
    host: {
      value: 'ADDRESS',
      default: '127.0.0.1',
      env: 'TRUNKLINE_HOST',
      text: 'address to listen on; 0.0.0.0 is every IPv4 one, :: every one',
    },
    path: {
      value: 'PATH',
      default: '/trunkline',
      env: 'TRUNKLINE_PATH',
      text: 'where the relay is on that server',
    },
    ...RELAY_ACCESS_FLAGS,
    metrics: {
      env: 'TRUNKLINE_METRICS',
      text: 'serve Prometheus metrics at PATH/metrics, for tokens that may watch *',
    },
    status: { env: 'TRUNKLINE_STATUS', text: 'serve a live page at PATH/status, for the same' },
    grace: {
      value: 'SECONDS',
      default: '10',
      env: 'TRUNKLINE_GRACE',
      text: 'told to stop, how long clients have to move to another relay; 0 ends at once',
    },
    log: LOG_FLAG,
    quiet: { short: 'q', env: 'TRUNKLINE_QUIET', text: 'do not print names as they come and go' },
  },
  examples: [
    ['trunkline relay', 'for this machine only'],
    ['trunkline relay --port 0 --quiet', 'on any free port'],
    ['trunkline relay --host 0.0.0.0 --auth-secret-file secret', 'for those who have a token of trunkline token'],
    ['trunkline relay --host 0.0.0.0 --open', 'for everybody who can reach this machine'],
  ],
  prepare(values) {
    const options = checkOptions(values);
    return () => runRelay(options);
  },
};

function checkOptions(values: Values): RelayCommandOptions {
  const { port = '', host = '', path = '', grace = '', log, quiet, metrics, status } = values;
  return {
    port: checkWholeNumber('--port', port, 65_535),
    host,
    path: checkPath(path),
    graceMs: checkWholeNumber('--grace', grace, MAX_GRACE_SECONDS) * 1000,
    isQuiet: quiet !== undefined,
    logger: checkLogger(log),
    routes: { metrics: metrics !== undefined, status: status !== undefined },
    ...checkRelayAccess(values),
  };
}

function checkPath(text: string): string {
  try {
    const path = normalizePath(text);
    // What clients ask for is the encoded and shortened form; any other would never be asked for.
    if (new URL(path, 'http://host').pathname === path) return path;
  } catch {
    // not a path at all
  }
  throw new UsageError(`--path must start with / and read as in a URL (no space, ? # or ..), unlike ${quote(text)}`);
}

async function runRelay(options: RelayCommandOptions): Promise<number> {
  const { port, host, path, graceMs, isQuiet, logger } = options;
  const relayOptions = { ...options.routes, ...(logger ? { logger } : {}), ...(await options.readOptions()) };
  // Who reads our lines may go away (`| head`); that is no reason for a relay to end.
  process.stdout.on('error', () => {});
  const stop = whenToldToStop();
  const relay = createRelay(relayOptions);
  const server = createServer(explain(path));
  // The log says where it was, this what it was.
  relay.on('error', (error) => sayError(error, 'relay'));
  relay.install(server, path);
  if (!isQuiet) {
    relay.on('server.created', (name) => console.log(`created ${name}`));
    relay.on('server.destroyed', (name) => console.log(`destroyed ${name}`));
  }
  await listen(server, port, host);
  announce(server.address() as AddressInfo, path);
  if (options.isOpen) say('--open: whoever reaches this address may listen and connect');

  const signal = await stop;
  console.log(`${signal}: closing; once more ends it at once`);
  await closeAll(server, () => relay.drain({ graceMs }));
  return 0;
}

/** A person who opens the relay's address in a browser learns what it is. */
function explain(path: string): RequestListener {
  const text = `This is a Trunkline relay. It is at ${path}, and its script at ${scriptPath(path)}.\n`;
  return (_request, response) => {
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
  };
}

function scriptPath(path: string): string {
  return `${path === '/' ? '' : path}/trunkline.js`;
}

function announce({ address, family, port }: AddressInfo, path: string): void {
  const isWildcard = address === '0.0.0.0' || address === '::';
  const host = isWildcard ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  console.log(
    [
      `relay   ws://${host}:${port}${path}`,
      `script  http://${host}:${port}${scriptPath(path)}`,
      'stop    Ctrl-C, or SIGTERM',
    ].join('\n'),
  );
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explainListenError(error, port, host)));
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      // Accepting failed for one client (too many open files, say); the others go on.
      server.on('error', (error) => console.error(`trunkline: ${error.message}`));
      resolve();
    });
  });
}

const HOST_REMEDY = 'give --host an address of this machine, such as 127.0.0.1 or 0.0.0.0';

function explainListenError(error: NodeJS.ErrnoException, port: number, host: string): CommandError {
  switch (error.code) {
    case 'EADDRINUSE':
      return new CommandError(`port ${port} of ${host} is in use: choose another with --port (0 takes any free one)`);
    case 'EACCES':
      return new CommandError(`no permission to listen on port ${port}: choose one above 1023 with --port`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new CommandError(`there is no host ${quote(host)}: ${HOST_REMEDY}`);
    case 'EADDRNOTAVAIL':
    case 'EINVAL':
      return new CommandError(`${quote(host)} is not of this machine: ${HOST_REMEDY}`);
    default:
      return new CommandError(`cannot listen on port ${port} of ${host}: ${error.message}`);
  }
}

/** No new clients, time to leave for those that are here, and idle HTTP connections do not keep the process. */
async function closeAll(server: Server, closeRelay: () => Promise<void>): Promise<void> {
  const serverClosed = new Promise<void>((resolve) => server.close(() => resolve()));
  await closeRelay();
  server.closeAllConnections();
  await serverClosed;
}
