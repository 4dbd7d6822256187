import { connect } from 'node:net';
import { WeirError } from '#base';
import { ControlStream } from './control-stream.ts';

/** A daemon that is stopped accepts connections and never answers. */
const patienceMs = 10_000;

/**
 * Asks a running daemon one thing over its control socket.
 *
 * @throws {WeirError} CONTROL_UNREACHABLE
 */
export function askControl(path: string, command: string, argument?: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let text = '';
    const fail = (cause?: Error) => reject(unreachable(path, cause));
    const socket = connect(path, () => socket.write(`${JSON.stringify({ command, argument })}\n`));
    socket.setEncoding('utf8');
    socket.on('error', fail);
    socket.on('close', () => fail());
    socket.setTimeout(patienceMs, () => socket.destroy(new NoAnswer(patienceMs)));
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (!text.endsWith('\n')) return;
      try {
        resolve(JSON.parse(text));
      } catch (error) {
        fail(error as Error);
      }
      socket.destroy();
    });
  });
}

/**
 * Opens a connection that is the command's from then on: the daemon has said so.
 *
 * @throws {WeirError} CONTROL_UNREACHABLE, also when it says nothing in time.
 */
export function openControlStream(
  path: string,
  command: string,
  argument: unknown,
  { answerMs = patienceMs }: { readonly answerMs?: number } = {},
): Promise<ControlStream> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      clearTimeout(late);
      socket.destroy();
      reject(unreachable(path, cause));
    };
    const socket = connect(path, async () => {
      const stream = new ControlStream(socket);
      socket.write(`${JSON.stringify({ command, argument })}\n`);
      try {
        const { opened, error } = await stream.nextFrame();
        if (opened !== command) throw new Error(String(error ?? 'that is no Weir of this version'));
        clearTimeout(late);
        socket.off('error', fail);
        resolve(stream);
      } catch (error) {
        fail(error as Error);
      }
    });
    socket.on('error', fail);
    const late = setTimeout(() => socket.destroy(new NoAnswer(answerMs)), answerMs);
  });
}

class NoAnswer extends Error {
  constructor(afterMs: number) {
    super(`no answer within ${afterMs / 1000} s`);
  }
}

function unreachable(path: string, cause: Error | undefined): WeirError {
  const because = cause === undefined ? '' : `: ${cause.message}`;
  return new WeirError('CONTROL_UNREACHABLE', `no Weir answers at ${path}${because}`, {
    cause,
    advice: adviceFor(cause),
  });
}

function adviceFor(cause: (Error & { readonly code?: string }) | undefined): string {
  if (cause instanceof NoAnswer) return 'it is stopped or stuck: see its log, restart it';
  if (cause?.code === 'EACCES') return 'become root, or the user that it runs as';
  return 'is it running, with this data folder?';
}
