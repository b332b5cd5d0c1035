import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { refuseUpgrade } from '../src/node/refuse-upgrade.js';

export type AnyHttpServer = HttpServer | HttpsServer;

/** What is mounted under a path. */
export interface Mounted {
  /** Answers a request below the path; false leaves it to the application. */
  request(subPath: string, request: IncomingMessage, response: ServerResponse): boolean;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** One per HTTP server, however many relays it carries. */
const dispatchers = new WeakMap<AnyHttpServer, Dispatcher>();

/**
 * Mounts on a path of somebody's HTTP server; returns how to take it off again.
 * @throws Error when something is mounted on that path of that server already
 */
export function mount(server: AnyHttpServer, path: string, mounted: Mounted): () => void {
  let dispatcher = dispatchers.get(server);
  if (dispatcher === undefined) {
    dispatcher = new Dispatcher(server);
    dispatchers.set(server, dispatcher);
  }
  dispatcher.add(path, mounted);
  const installed = dispatcher;
  return () => {
    if (installed.remove(path, mounted)) dispatchers.delete(server);
  };
}

/**
 * Sits before the application's own listeners, whenever those were or will be added: a request that is ours must not
 * also reach a framework's 404. So 'request' is caught where it is emitted. Upgrades need no such thing: whoever does
 * not know a path leaves it alone, and other WebSocket servers do the same.
 */
class Dispatcher {
  private readonly mounts = new Map<string, Mounted>();
  private readonly emit: AnyHttpServer['emit'];
  private readonly catchingEmit: AnyHttpServer['emit'];
  private readonly onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) =>
    this.upgrade(request, socket, head);

  constructor(private readonly server: AnyHttpServer) {
    this.emit = server.emit;
    this.catchingEmit = (event: string | symbol, ...args: unknown[]): boolean => {
      if (event === 'request' && this.request(args[0] as IncomingMessage, args[1] as ServerResponse)) return true;
      return Reflect.apply(this.emit, server, [event, ...args]) as boolean;
    };
    server.emit = this.catchingEmit;
    server.on('upgrade', this.onUpgrade);
  }

  add(path: string, mounted: Mounted): void {
    if (this.mounts.has(path)) throw new Error(`something is mounted on ${path} of this server already`);
    this.mounts.set(path, mounted);
  }

  /** Returns true when it was the last one and the server is as it was. */
  remove(path: string, mounted: Mounted): boolean {
    if (this.mounts.get(path) === mounted) this.mounts.delete(path);
    if (this.mounts.size > 0) return false;
    this.server.off('upgrade', this.onUpgrade);
    // Somebody has wrapped ours since: theirs stays, and ours only passes on now.
    if (this.server.emit !== this.catchingEmit) return true;
    // The prototype's method comes back from under ours; an own one of somebody else is put back as it was.
    if (Object.getPrototypeOf(this.server).emit === this.emit) Reflect.deleteProperty(this.server, 'emit');
    else this.server.emit = this.emit;
    return true;
  }

  private request(request: IncomingMessage, response: ServerResponse): boolean {
    const pathname = pathOf(request);
    for (const [path, mounted] of this.mounts) {
      if (pathname !== path && !pathname.startsWith(path === '/' ? path : `${path}/`)) continue;
      if (mounted.request(pathname.slice(path === '/' ? 0 : path.length), request, response)) return true;
    }
    return false;
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const pathname = pathOf(request);
    const mounted = this.mounts.get(pathname) ?? this.mounts.get(pathname.replace(/\/$/, ''));
    if (mounted) mounted.upgrade(request, socket, head);
    // Nobody else is there to answer: without a word the client would wait for ever.
    else if (this.server.listenerCount('upgrade') === 1)
      refuseUpgrade(socket, 404, 'There is nothing to upgrade to here.');
  }
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

/** @throws TypeError when it is no absolute path */
export function normalizePath(path: string): string {
  if (typeof path !== 'string' || !path.startsWith('/') || /[?#\s]/.test(path)) {
    throw new TypeError(`a path starts with / and has no query, fragment or space, unlike ${JSON.stringify(path)}`);
  }
  return path === '/' ? path : path.replace(/\/+$/, '');
}
