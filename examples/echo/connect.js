// Sends standard input to the echo listener, and prints what comes back.
// Usage: echo hello | node examples/echo/connect.js [URL of the relay]
import { pipeline } from 'node:stream/promises';
import { connectTunnel, StreamClient, TrunklineError } from 'trunkline';

const tunnel = connectTunnel(process.argv[2] ?? 'ws://localhost:8080/trunkline');
tunnel.on('error', () => {}); // the stream's error says it
try {
  await pipeline(process.stdin, StreamClient(tunnel).connect('echo'), process.stdout);
} catch (error) {
  const code = error instanceof TrunklineError ? error.code : 'unexpected';
  console.error(`${code}: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
tunnel.close();
