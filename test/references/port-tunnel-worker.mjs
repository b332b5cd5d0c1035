// A worker with a tunnel on its own port: it echoes what streams it gets.
import { register } from 'node:module';
import { parentPort } from 'node:worker_threads';

register('tsx/esm', import.meta.url, { data: {} });
const { TunnelAcceptor } = await import('../../src/index.ts');
new TunnelAcceptor({}, (tunnel) => tunnel.on('stream', (stream) => stream.pipe(stream))).acceptPort(parentPort);
