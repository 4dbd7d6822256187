import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { WeirError } from '#base';
import type { RootVerb, RootVerbs, VerbOptions } from '../root-verbs.ts';

const socketFolder = '/run/weir-verbs';
/** What is beyond is told by `onLine` alone. */
const MOST_LINES = 10_000;

/**
 * A socket of systemd's for each verb, which starts one root process for each connection. In: one line, the words parted by tabs.
 * Out: lines, the last one `ok`, or `failed REASON TEXT`.
 */
export class LinuxRootVerbs implements RootVerbs {
  readonly #folder: string;

  constructor(options: { folder?: string } = {}) {
    this.#folder = options.folder ?? socketFolder;
  }

  has(verb: RootVerb): boolean {
    return existsSync(this.#path(verb));
  }

  run(verb: RootVerb, words: readonly string[], options: VerbOptions = {}): Promise<readonly string[]> {
    if (words.some((word) => /[\t\n\r\0]/.test(word))) {
      return Promise.reject(
        new WeirError('USAGE', 'a word holds a tab or a line break', { fields: { verb } }),
      );
    }
    const { onLine, signal } = options;
    return new Promise((resolve, reject) => {
      const said: string[] = [];
      let rest = '';
      let connected = false;
      const socket = connect(this.#path(verb), () => {
        connected = true;
        socket.end(`${words.join('\t')}\n`);
      });
      const abort = () => socket.destroy(new DOMException('no longer waited for', 'AbortError'));
      signal?.addEventListener('abort', abort, { once: true });
      if (signal?.aborted) abort();
      socket.setEncoding('utf8');
      socket.on('data', (chunk: string) => {
        const lines = `${rest}${chunk}`.split('\n');
        rest = lines.pop() ?? '';
        // The last one is not for the caller; which one that is shows when no more comes.
        for (const line of lines) {
          const before = said.at(-1);
          if (before !== undefined) onLine?.(before);
          said.push(line);
          if (said.length > MOST_LINES) said.shift();
        }
      });
      socket.on('error', (cause) => {
        // Broken off later it counts by what was said: a box that starts again may not get to closing it well.
        if (signal?.aborted) reject(cause);
        else if (!connected) reject(notAvailable(verb, cause));
      });
      socket.on('close', () => {
        signal?.removeEventListener('abort', abort);
        const last = said.pop();
        if (last === 'ok' && rest === '') resolve(said);
        else reject(complaint(verb, last ?? ''));
      });
    });
  }

  #path(verb: RootVerb): string {
    return join(this.#folder, verb);
  }
}

function notAvailable(verb: RootVerb, cause: Error): WeirError {
  return new WeirError('NOT_AVAILABLE', `this machine lets nobody ask for ${verb}`, {
    advice: 'it works on a gateway that was flashed with the image',
    cause,
  });
}

/** `failed REASON TEXT`; anything else: it was ended before it could say how it went. */
function complaint(verb: RootVerb, line: string): WeirError {
  const [, reason = 'broken-off', text = `${verb} ended without saying how it went`] =
    /^failed (\S+) (.*)$/.exec(line) ?? [];
  return new WeirError('VERB_FAILED', text, { fields: { verb, reason } });
}
