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
  private upgraded: UpgradedSocket | undefined;
  private whenUpgraded: ((upgraded: UpgradedSocket) => void) | undefined;

  /** Calls once: when the handshake is done, or now if it is, as it is of a server's when `handleUpgrade` calls back. */
  onUpgraded(callback: (upgraded: UpgradedSocket) => void): void {
    this.whenUpgraded = callback;
    this.handOver();
  }

  protected setSocket(socket: Socket, head: Buffer): void {
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
