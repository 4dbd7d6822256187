/**
 * Viewers that come and go as fast as the server lets them: `churn-process.ts OPTIONS_JSON`. Each line on standard input
 * is a number of joins; answered, when they are done, by a line of JSON with how many and how long. A join is a
 * connection of its own: DESCRIBE and SETUP in one piece, PLAY, and after its answer TEARDOWN, or in every fourth case
 * a connection that just ends.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { describeError, WeirError } from '#base';
import { rtspWire } from '../../../src/protocol/index.ts';
import type { ChurnOptions, ChurnReport } from './churn.ts';
import { droppedAddress } from './viewer-addresses.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as ChurnOptions;
const { url, server, atOnce } = options;
const limits = { maxHeaderBytes: 65_536, maxBodyBytes: 1_048_576 };
const answerMs = 20_000;
const addresses = 10_000;
/** One in so many leaves without a word. */
const silentLeavers = 4;
const clientPort = 6000;
let joined = 0;

/** One viewer, from its connection to its end. */
function visit(number: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({
    host: server.address,
    port: server.port,
    // Whose media by UDP is dropped on this host.
    localAddress: droppedAddress(number % addresses, server.address),
    noDelay: true,
  });
  const fail = (why: string) => {
    socket.destroy();
    reject(new WeirError('ORIGIN_REFUSED', `a viewer ${why}`, { fields: { number } }));
  };
  socket.setTimeout(answerMs, () => fail('got no answer'));
  socket.on('error', (error) => fail(`was cut off: ${error.message}`));
  const byTcp = number % 2 === 1;
  const transport = byTcp
    ? 'RTP/AVP/TCP;unicast;interleaved=0-1'
    : `RTP/AVP;unicast;client_port=${clientPort}-${clientPort + 1}`;
  const base = `${url}/`;
  let session = '';
  let sequence = 0;
  const request = (method: rtspWire.RtspMethod, uri: string, ...headers: [string, string][]) => {
    sequence += 1;
    const own: [string, string][] = session ? [['Session', session]] : [];
    const all = rtspWire.Headers.of([['CSeq', String(sequence)], ...own, ...headers]);
    return rtspWire.serializeRequest({ method, uri, headers: all });
  };
  const reader = new rtspWire.MessageReader(limits);
  let over = false;
  const answered = (answer: rtspWire.RtspResponse) => {
    if (answer.status !== 200) return fail(`was refused with ${answer.status}`);
    switch (rtspWire.cseq(answer.headers)) {
      case 2:
        session = rtspWire.parseSession(answer.headers.get('Session') ?? '').rtspSessionId;
        socket.write(request('PLAY', base));
        break;
      case 3:
        if (Math.floor(number / 2) % silentLeavers !== 0) socket.write(request('TEARDOWN', base));
        else leave();
        break;
      case 4:
        leave();
        break;
    }
  };
  const leave = () => {
    over = true;
    socket.end();
  };
  socket.on('connect', () => {
    const describe = request('DESCRIBE', url, ['Accept', 'application/sdp']);
    socket.write(Buffer.concat([describe, request('SETUP', options.control, ['Transport', transport])]));
  });
  socket.on('data', (chunk: Buffer) => {
    if (over) return;
    reader.push(chunk);
    for (let item = reader.next(); item && !over; item = reader.next()) {
      if (item.kind === 'response') answered(item);
    }
  });
  socket.on('close', () =>
    over ? resolve() : reject(new WeirError('ORIGIN_REFUSED', 'a viewer was cut off')),
  );
  return promise;
}

async function run(count: number): Promise<ChurnReport> {
  const began = performance.now();
  const end = joined + count;
  const worker = async () => {
    while (joined < end) await visit(joined++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { joins: count, seconds: (performance.now() - began) / 1000 };
}

console.log('ready');
try {
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await run(Number(line))));
  }
} catch (error) {
  console.error(describeError(error));
  process.exit(1);
}
