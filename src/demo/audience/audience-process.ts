/** The demo's viewers, in the viewers' namespace: reads how many there should be, one number a line. */
import { createInterface } from 'node:readline';
import { describeError } from '#base';
import { RtspViewer } from './rtsp-viewer.ts';

const [url = '', host = '', port = '554', prefix = '198.19.'] = process.argv.slice(2);
const viewers: RtspViewer[] = [];
let born = 0;

/** Every viewer has an address of its own; every third one asks for TCP. */
async function join(): Promise<void> {
  const number = born++;
  const localAddress = `${prefix}${Math.floor(number / 250) % 250}.${1 + (number % 250)}`;
  const transport = number % 3 === 2 ? 'tcp' : 'udp';
  viewers.push(await RtspViewer.play({ url, host, port: Number(port), transport, localAddress }));
}

async function becomeMany(wanted: number): Promise<void> {
  while (viewers.length < wanted) await join();
  while (viewers.length > wanted) await viewers.shift()?.close();
}

let turn = Promise.resolve();
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  turn = turn
    .then(() => becomeMany(Number(line)))
    .catch((error) => console.error(`viewer: ${describeError(error)}`));
});
lines.on('close', () => void turn.then(() => becomeMany(0)));
