/** A page's MessagePort, its Worker, the global scope of a dedicated worker; Node's MessagePort is one as well. */
export interface EventPort {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: PortEnd, listener: (event: PortEndEvent) => void): void;
  removeEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  removeEventListener(type: PortEnd, listener: (event: PortEndEvent) => void): void;
  start?(): void;
  close?(): void;
}

/** Node's Worker has no events of the web's kind. */
export interface EmitterPort {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  on(event: string, listener: (value: unknown) => void): unknown;
  off(event: string, listener: (value: unknown) => void): unknown;
}

export type PortLike = EventPort | EmitterPort;

/** `close` where the platform has it, `messageerror` for what cannot be read, `error` of a worker's script. */
type PortEnd = 'close' | 'messageerror' | 'error';

interface PortEndEvent {
  message?: string;
  error?: unknown;
}

export interface PortListener {
  message(data: unknown): void;
  /** What came could not be read here. */
  unreadable(): void;
  /** Something was thrown in a worker, which may go on nevertheless. */
  threw(error: unknown): void;
  /** There is nobody at the other end any more. */
  ended(how: string): void;
}

/** Tells `listener` what comes, from now on. Returns how to stop that. */
export function listenToPort(port: PortLike, listener: PortListener): () => void {
  const stop = 'addEventListener' in port ? listenToEvents(port, listener) : listenToEmitter(port, listener);
  if ('start' in port) port.start?.();
  return stop;
}

/**
 * Ends a port, for both of its ends. Only a MessagePort has `start` as well as `close`: a worker's global scope would end
 * the worker.
 */
export function closePort(port: PortLike): void {
  if ('start' in port && 'close' in port) port.close?.();
}

function listenToEvents(port: EventPort, listener: PortListener): () => void {
  const message = (event: { data: unknown }): void => listener.message(event.data);
  const unreadable = (): void => listener.unreadable();
  const threw = (event: PortEndEvent): void => listener.threw(event.error ?? event.message ?? 'its script failed');
  const close = (): void => listener.ended('it was closed');
  port.addEventListener('message', message);
  port.addEventListener('messageerror', unreadable);
  port.addEventListener('error', threw);
  port.addEventListener('close', close);
  return () => {
    port.removeEventListener('message', message);
    port.removeEventListener('messageerror', unreadable);
    port.removeEventListener('error', threw);
    port.removeEventListener('close', close);
  };
}

function listenToEmitter(port: EmitterPort, listener: PortListener): () => void {
  const message = (data: unknown): void => listener.message(data);
  const unreadable = (): void => listener.unreadable();
  const threw = (error: unknown): void => listener.threw(error);
  const exit = (code: unknown): void => listener.ended(`the worker exited with ${String(code)}`);
  port.on('message', message);
  port.on('messageerror', unreadable);
  port.on('error', threw);
  port.on('exit', exit);
  return () => {
    port.off('message', message);
    port.off('messageerror', unreadable);
    port.off('error', threw);
    port.off('exit', exit);
  };
}
