/** What the documentation uses of Express: an application is a listener of requests, and `listen` returns the server. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

type Response = ServerResponse & { send(text: string): void };
type Handler = (request: IncomingMessage, response: Response) => void;

export default function express() {
  const routes = new Map<string, Handler>();
  const app = (request: IncomingMessage, response: ServerResponse): void => {
    const handler = routes.get(request.url ?? '/');
    if (!handler) return void response.writeHead(404).end();
    handler(request, Object.assign(response, { send: (text: string) => void response.end(text) }));
  };
  return Object.assign(app, {
    get: (path: string, handler: Handler) => void routes.set(path, handler),
    listen: (port: number, ready: () => void): Server => createServer(app).listen(port, ready),
  });
}
