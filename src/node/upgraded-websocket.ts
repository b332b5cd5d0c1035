import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { UpgradedSocket } from './framed-websocket.js';

/**
 * Does the handshake as `ws` does it, with all of its options, and gives the socket away where `ws` would begin to read and
 * write it. After that the object is nothing but a shell.
 *
 * `setSocket` is not part of `ws`'s public interface; its version is pinned, and a test says when it has changed.
 */
export class UpgradedWebSocket extends WebSocket {
  private handedOver: UpgradedSocket | undefined;
  /** Called once, when the handshake is done. */
  onUpgraded: (upgraded: UpgradedSocket) => void = () => {};

  /** Only once the handshake is done; of a server's it is when `handleUpgrade` calls back. */
  get upgraded(): UpgradedSocket {
    if (this.handedOver === undefined) throw new Error('this WebSocket has no socket yet');
    return this.handedOver;
  }

  protected setSocket(socket: Socket, head: Buffer): void {
    this.handedOver = { socket, head };
    this.onUpgraded(this.handedOver);
  }
}
