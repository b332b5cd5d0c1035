import type { Line } from './carriers/carrier.js';
import { bulk } from './client/bulk.js';
import { holdStreams, holdTunnels, releaseAll } from './client/holding.js';
import { openAtOnce, openOneByOne } from './client/opening.js';
import { pingPong, pingPongBesideBulk } from './client/ping-pong.js';
import { fillUnread } from './client/unread-stream.js';

/** What the client process can be told to measure. */
export const COMMANDS = {
  bulk,
  pingPong,
  pingPongBesideBulk,
  openOneByOne,
  openAtOnce,
  holdStreams,
  holdTunnels,
  releaseAll: (_line: Line, _args: object) => releaseAll(),
  fillUnread,
};

export type CommandName = keyof typeof COMMANDS;
export type CommandArguments<Name extends CommandName> = Parameters<(typeof COMMANDS)[Name]>[1];
export type CommandResult<Name extends CommandName> = Awaited<ReturnType<(typeof COMMANDS)[Name]>>;

export function runCommand(line: Line, name: CommandName, args: unknown): Promise<unknown> {
  return (COMMANDS[name] as (line: Line, args: unknown) => Promise<unknown>)(line, args);
}
