import type { Endpoint, InterleavedConnection } from '#hal';
import type { MessageListener } from '../message-stream.ts';

/** How RTSP of one viewer comes and goes: on one connection, or through HTTP on several. */
export interface ViewerLink {
  readonly viewer: Endpoint;
  /** The address and port the viewer dialled. */
  readonly origin: Endpoint;
  /** Begins to read. Called once. */
  listen(listener: MessageListener): void;
  /** No further message for now, while JavaScript reads; the viewer is held back by its own window. */
  pause(): void;
  resume(): void;
  send(bytes: Uint8Array): void;
  /** Resolves when there is room to send, or nothing can be sent any more. */
  drained(): Promise<void>;
  /** Hands what goes to the viewer to the engine, for media between the answers. The same one for every call. */
  adopt(): Promise<InterleavedConnection>;
  /** Sends what is written, then FIN. Idempotent. */
  close(): Promise<void>;
}
