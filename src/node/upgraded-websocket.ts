import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { SUBPROTOCOL } from '../protocol/constants.js';
import type { UpgradedSocket } from './framed-websocket.js';

/** The method of `ws` that begins to read and write the socket; it is not in its types. */
const { setSocket } = WebSocket.prototype as unknown as {
  setSocket(this: WebSocket, socket: Socket, head: Buffer, options: object): void;
};

/**
 * Does the handshake as `ws` does it, with all of its options, and gives the socket away where `ws` would begin to read and
 * write it. After that the object is nothing but a shell. If the two sides have agreed on another subprotocol than ours, or
 * on an extension, it stays an ordinary WebSocket of `ws`.
 *
 * `setSocket` is not part of `ws`'s public interface; its version is pinned, and a test says when it has changed.
 */
export class UpgradedWebSocket extends WebSocket {
  private upgraded: UpgradedSocket | undefined;
  private whenUpgraded: ((upgraded: UpgradedSocket) => void) | undefined;

  /** False: an ordinary WebSocket, which will never call what `onUpgraded` was given. Known once the handshake is done. */
  get givesSocketAway(): boolean {
    return this.protocol === SUBPROTOCOL && this.extensions === '';
  }

  /** Calls once: when the handshake is done, or now if it is, as it is of a server's when `handleUpgrade` calls back. */
  onUpgraded(callback: (upgraded: UpgradedSocket) => void): void {
    this.whenUpgraded = callback;
    this.handOver();
  }

  protected setSocket(socket: Socket, head: Buffer, options: object): void {
    if (!this.givesSocketAway) return setSocket.call(this, socket, head, options);
    this.upgraded = { socket, head };
    this.handOver();
  }

  private handOver(): void {
    const { upgraded, whenUpgraded } = this;
    if (upgraded === undefined || whenUpgraded === undefined) return;
    this.upgraded = undefined;
    whenUpgraded(upgraded);
  }
}
