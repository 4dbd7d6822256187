/**
 * Viewers of the benchmark `stall`, on their host: the only argument is `StallViewersOptions` as JSON. Each comes, asks, watches and
 * leaves, again and again, and times every answer. Ends with `times JSON`.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';

export interface StallViewersOptions {
  readonly url: string;
  readonly server: { readonly address: string; readonly port: number };
  /** One viewer each. */
  readonly addresses: readonly string[];
  readonly seconds: number;
}

/** From a request handed to the kernel to its answer, ms, by method; `media`: from PLAY to the first packet. */
export type StallTimes = Readonly<Record<string, readonly number[]>>;

const { url, server, addresses, seconds }: StallViewersOptions = JSON.parse(process.argv[2] ?? '{}');
const times: Record<string, number[]> = {};
const endAt = performance.now() + seconds * 1000;
const clientPort = 6000;
const mediaMs = 6000;

const took = (what: string, ms: number): void => {
  times[what] ??= [];
  times[what].push(ms);
};

/** One visit: OPTIONS, DESCRIBE, SETUP, PLAY, at once OPTIONS and GET_PARAMETER behind it, media, TEARDOWN. */
async function visit(address: string): Promise<void> {
  const socket = connect({ host: server.address, port: server.port, localAddress: address });
  socket.setNoDelay(true);
  const udp = createSocket('udp4');
  udp.bind(clientPort, address);
  const media = Promise.withResolvers<number>();
  media.promise.catch(() => {});
  udp.once('message', () => media.resolve(performance.now()));
  await Promise.all([once(socket, 'connect'), once(udp, 'listening')]);
  let text = '';
  const answers: Array<(answer: string) => void> = [];
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
    for (let whole = wholeMessage(text); whole > 0; whole = wholeMessage(text)) {
      answers.shift()?.(text.slice(0, whole));
      text = text.slice(whole);
    }
  });
  let cseq = 0;
  let session = '';
  const ask = async (method: string, uri: string, ...headers: readonly string[]): Promise<string> => {
    cseq += 1;
    const lines = [`${method} ${uri} RTSP/1.0`, `CSeq: ${cseq}`, ...headers, ...(session ? [session] : [])];
    const { promise, resolve } = Promise.withResolvers<string>();
    answers.push(resolve);
    const sentAt = performance.now();
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    const answer = await promise;
    took(method, performance.now() - sentAt);
    if (!answer.startsWith('RTSP/1.0 200 ')) throw new Error(`${method}: ${answer.split('\r\n')[0]}`);
    return answer;
  };
  await ask('OPTIONS', url);
  const described = await ask('DESCRIBE', url, 'Accept: application/sdp');
  const control = /^a=control:(\S+)/m.exec(described.slice(described.search(/^m=/m)))?.[1] ?? '';
  const base = /^Content-Base: (\S+)/im.exec(described)?.[1] ?? `${url}/`;
  const track = control.includes('://') ? control : `${base.replace(/\/$/, '')}/${control}`;
  const setUp = await ask(
    'SETUP',
    track,
    `Transport: RTP/AVP;unicast;client_port=${clientPort}-${clientPort + 1}`,
  );
  session = `Session: ${/^Session: ([^;\r]+)/im.exec(setUp)?.[1] ?? ''}`;
  const playedAt = performance.now();
  await ask('PLAY', base, 'Range: npt=0.000-');
  await Promise.all([ask('OPTIONS', base), ask('GET_PARAMETER', base)]);
  const late = setTimeout(() => media.reject(new Error('no media')), mediaMs);
  took('media', (await media.promise) - playedAt);
  clearTimeout(late);
  await ask('TEARDOWN', base);
  socket.destroy();
  udp.close();
}

/** Length of the first message in `text`; 0 when it is not whole yet. */
function wholeMessage(text: string): number {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return 0;
  const length = end + 4 + Number(/^Content-Length: (\d+)/im.exec(text.slice(0, end + 2))?.[1] ?? 0);
  return text.length < length ? 0 : length;
}

await Promise.all(
  addresses.map(async (address) => {
    while (performance.now() < endAt) await visit(address);
  }),
);
process.stdout.write(`times ${JSON.stringify(times)}\n`);
