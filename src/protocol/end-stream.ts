import type { Duplex } from 'node:stream';

/** How long what is written may take to leave before the connection is cut. */
export const flushMs = 1000;

/** Sends what is written, then FIN, and frees the stream; a peer that takes nothing is cut off after 1 s. */
export function endStream(stream: Duplex): Promise<void> {
  if (stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => stream.destroy(), flushMs);
    stream.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    stream.end(() => stream.destroy());
  });
}
