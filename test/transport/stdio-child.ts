// A child process that echoes, over its stdin and stdout, and with an argument spoils it.
import { Duplex } from 'node:stream';
import { ByteStreamConnection } from '../../src/transport/byte-stream.js';

const [fault] = process.argv.slice(2);
if (fault === 'log') console.log('listening on port 8080');
const stdio = Duplex.from({ readable: process.stdin, writable: process.stdout });
const connection = new ByteStreamConnection(stdio);
let messages = 0;
connection.start({
  writable() {},
  text() {},
  received(bytes, isLast) {
    connection.send([new Uint8Array(bytes)]);
    if (isLast && ++messages === 3 && fault === 'exit') process.exit(3);
  },
  // Nothing keeps the process now.
  closed: () => process.stdin.destroy(),
});
