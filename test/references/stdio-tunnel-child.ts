// A child process with a tunnel on its stdin and stdout. It echoes what streams it gets, and opens one of its own.
import { Duplex } from 'node:stream';
import { TunnelAcceptor } from '../../src/index.js';

const acceptor = new TunnelAcceptor({}, (tunnel) => {
  tunnel.on('stream', (stream) => stream.pipe(stream));
  tunnel.createStream({ meta: { from: process.argv[2] } }).end('hello from the child');
});
acceptor.acceptDuplex(Duplex.from({ readable: process.stdin, writable: process.stdout }));
