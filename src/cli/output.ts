import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Where a command writes its lines. Awaited, so that a slow reader slows the command and not the memory. */
export interface Output {
  line(text: string): Promise<void>;
}

/** Whoever reads may stop reading (`| head`): then the rest is written nowhere. */
export function streamOutput(stream: Writable): Output {
  let gone = false;
  stream.on('error', () => {
    gone = true;
  });
  return {
    line: async (text) => {
      if (gone || stream.write(`${text}\n`)) return;
      await Promise.race([once(stream, 'drain'), once(stream, 'error')]).catch(() => {});
    },
  };
}
