import { connect } from 'node:net';
import { WeirError } from '#base';

/**
 * Asks a running daemon one thing over its control socket.
 *
 * @throws {WeirError} CONTROL_UNREACHABLE
 */
export function askControl(path: string, command: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let text = '';
    const fail = (cause?: Error) =>
      reject(
        new WeirError(
          'CONTROL_UNREACHABLE',
          `no Weir answers at ${path}${cause ? `: ${cause.message}` : ''}`,
          {
            cause,
            advice: 'is it running, with this data folder?',
          },
        ),
      );
    const socket = connect(path, () => socket.write(`${JSON.stringify({ command })}\n`));
    socket.setEncoding('utf8');
    socket.on('error', fail);
    socket.on('close', () => fail());
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (!text.endsWith('\n')) return;
      resolve(JSON.parse(text));
      socket.destroy();
    });
  });
}
