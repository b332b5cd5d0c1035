/** The same package in a page. Never run, only type-checked. */
import type * as trunkline from 'trunkline';
import { connectTunnel, StreamClient } from 'trunkline';
import * as standalone from 'trunkline/browser';
import { type AnyExports, none } from './expect.js';

none<AnyExports<typeof trunkline>>();
none<AnyExports<typeof standalone>>();

const tunnel = connectTunnel('/trunkline', { WebSocket });
const stream = new StreamClient(tunnel).connect('NAME');
for await (const chunk of stream) console.log(chunk);

// @ts-expect-error: there is no such thing, and a stream that is `any` would have it
stream.nonsense();
// @ts-expect-error
standalone.connectTunnel('/trunkline').nonsense();
