/** Conversations of a hostile viewer with the front, next to a healthy one that must notice nothing. */
import assert from 'node:assert/strict';
import { idr, rtp, SimRelay, SimRtspViewer, sessionOf, url } from '../unit/relay/sim-relay.ts';
import { answerHead, getOf, joined, postOf } from '../unit/relay/sim-tunnel.ts';
import { mutate, type Random } from './mutate.ts';
import { random } from './random.ts';

const seconds = Number(process.env.FUZZ_SECONDS ?? 2);
const seed = Number(process.env.FUZZ_SEED ?? 1);

const methods = [
  'OPTIONS',
  'DESCRIBE',
  'SETUP',
  'PLAY',
  'PAUSE',
  'GET_PARAMETER',
  'SET_PARAMETER',
  'TEARDOWN',
  'BREW',
];
const uris = [
  url,
  `${url}/`,
  `${url}/stream=0`,
  `${url}/stream=1`,
  `${url}/stream=9`,
  '*',
  'rtsp://203.0.113.10/other',
  'x',
];
const transports = [
  'RTP/AVP;unicast;client_port=5000-5001',
  'RTP/AVP/TCP;unicast;interleaved=0-1',
  'RTP/AVP/TCP;unicast;interleaved=255-256',
  'RTP/AVP/TCP;interleaved=2-3,RTP/AVP;unicast;client_port=7000-7001',
  'RTP/AVP;multicast',
];

/** What a joining viewer is given first has the sequence number before. */
const afterWatch = 2;
const words = ['RTSP/1.0', 'Session: ', '$', '\r\n'].map((word) => Buffer.from(word));
const soon = (ms: number) => new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), ms));

/** A request with whatever headers, sometimes damaged, sometimes with a '$' frame before it. */
function utterance(next: Random, session: string, number: number): Uint8Array {
  const pick = <T>(items: readonly T[]): T => items[next(items.length)] as T;
  const lines = [`${pick(methods)} ${pick(uris)} RTSP/1.0`, `CSeq: ${number}`];
  if (next(2) > 0) lines.push(`Session: ${next(8) > 0 ? session : 'stolen'}`);
  if (next(2) > 0) lines.push(`Transport: ${pick(transports)}`);
  if (next(8) === 0) lines.push(`Range: ${pick(['npt=0-', 'npt=now-', 'clock=', 'npt=9-1'])}`);
  if (next(16) === 0) lines.push('Require: everything');
  const body = next(16) === 0 ? 'x'.repeat(next(200)) : '';
  if (body) lines.push(`Content-Length: ${body.length}`);
  const text = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1');
  const frame = next(8) === 0 ? Buffer.from([0x24, next(256), 0, 4, 0x80, 0xc9, 0, 1]) : Buffer.alloc(0);
  const whole = Buffer.concat([frame, text]);
  return next(6) === 0 ? mutate(next, [whole], words) : whole;
}

/** A viewer through HTTP; its POST is broken off at times, and its GET said again. */
async function tunnelled(relay: SimRelay, address: string, next: Random): Promise<SimRtspViewer> {
  const cookie = String(next(1000));
  const get = relay.connect(address);
  get.write(getOf(cookie));
  await answerHead(get);
  if (next(8) === 0) relay.connect(address).write(getOf(cookie));
  const post = () => {
    const stream = relay.connect(address);
    stream.write(next(8) === 0 ? mutate(next, [Buffer.from(postOf(cookie))], words) : postOf(cookie));
    return stream;
  };
  let current = post();
  return new SimRtspViewer(
    joined(get, () => {
      if (!current.writableEnded && next(16) === 0) {
        current.end(next(2) === 0 ? 'Zm9' : '');
        current = post();
      }
      return current;
    }),
    () => {},
  );
}

async function converse(viewer: SimRtspViewer, next: Random): Promise<void> {
  let session = 'none';
  for (let number = 1; number <= 12 && !viewer.ended; number++) {
    const bytes = utterance(next, session, number);
    const cut = next(bytes.length + 1);
    viewer.stream.write(bytes.subarray(0, cut));
    viewer.stream.write(bytes.subarray(cut));
    // A damaged request may stay unanswered: it waits for its end.
    const answer = await Promise.race([viewer.next(), soon(5)]);
    if (answer) session = sessionOf(answer) || session;
  }
  if (next(2) === 0) viewer.stream.end();
  else viewer.stream.destroy();
}

describe('the RTSP front on hostile conversations', () => {
  it(`disturbs no other viewer and keeps nothing, for ${seconds} s`, async function () {
    this.timeout(seconds * 1000 + 20_000);
    const relay = await new SimRelay().open();
    const healthy = relay.dial('198.18.0.10');
    const [, setup] = await healthy.watch('tcp');
    const Session = sessionOf(setup as never);
    const next = random(seed);
    const endMs = performance.now() + seconds * 1000;
    let conversations = 0;
    for (; performance.now() < endMs; conversations++) {
      const address = `198.18.1.${1 + (conversations % 200)}`;
      await converse(next(3) === 0 ? await tunnelled(relay, address, next) : relay.dial(address), next);
      const seen = healthy.frames.length;
      relay.datapath.feeds[0]?.push(
        0,
        rtp({ seq: (conversations + afterWatch) & 0xffff, rtpTime: 9, payload: idr }),
      );
      const answer = await healthy.ask('GET_PARAMETER', url, { Session });
      assert.equal(answer.status, 200, `FUZZ_SEED=${seed}, conversation ${conversations}`);
      assert.ok(healthy.frames.length > seen, `FUZZ_SEED=${seed}, conversation ${conversations}`);
    }
    assert.ok(conversations > 20, `only ${conversations} conversations`);
    for (let left = 500; relay.intake.openConnections > 1 && left > 0; left--) await soon(10);
    assert.equal(relay.intake.openConnections, 1);
    assert.equal(relay.monitor.viewers().length, 1);
    await relay.close();
  });
});
