import { connect } from 'node:net';
import { WeirError } from '#base';
import { ControlStream } from './control-stream.ts';

/** A daemon that is stopped accepts connections and never answers. */
const answerMs = 10_000;

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
    socket.setTimeout(answerMs, () => socket.destroy(new Error(`no answer within ${answerMs} ms`)));
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
 * Opens a connection that is the command's from then on.
 *
 * @throws {WeirError} CONTROL_UNREACHABLE
 */
export function openControlStream(path: string, command: string, argument: unknown): Promise<ControlStream> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => reject(unreachable(path, cause));
    const socket = connect(path, () => {
      socket.off('error', fail);
      socket.write(`${JSON.stringify({ command, argument })}\n`);
      resolve(new ControlStream(socket));
    });
    socket.on('error', fail);
  });
}

const unreachable = (path: string, cause: Error | undefined): WeirError =>
  new WeirError('CONTROL_UNREACHABLE', `no Weir answers at ${path}${cause ? `: ${cause.message}` : ''}`, {
    cause,
    advice: 'is it running, with this data folder?',
  });
