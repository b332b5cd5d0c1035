/** What only Node has: the WebSocket server of tunnels, and tunnels over TCP. */

export { connectTcp, type TcpAddress } from './connect-tcp.js';
export { listenTcp, TcpTunnelServer, type TcpTunnelServerOptions } from './tcp-tunnel-server.js';
export { TunnelServer, type TunnelServerOptions } from './tunnel-server.js';
