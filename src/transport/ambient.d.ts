/**
 * isomorphic-ws is typed as Node's `ws`, also in a page, and its types would bring all of @types/node into this room.
 * This is the part of it that is true in both places; an ambient declaration wins over the package's own.
 */
declare module 'isomorphic-ws' {
  const WebSocket: new (url: string, protocols?: string | string[], options?: object) => globalThis.WebSocket;
  export default WebSocket;
}
