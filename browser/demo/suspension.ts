import type { TunnelStream } from '../../src/index.js';

/** Tells when the stream loses its connection, and when it goes on over another. */
export function watchSuspension(stream: TunnelStream, onChange: (isSuspended: boolean) => void): void {
  let wasSuspended = false;
  const look = (): void => {
    // Node's streams emit 'resume' of their own, whenever they begin to flow: only a change counts.
    if (stream.suspended === wasSuspended) return;
    wasSuspended = stream.suspended;
    onChange(wasSuspended);
  };
  stream.on('suspend', look);
  stream.on('resume', look);
}
