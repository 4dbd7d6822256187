import assert from 'node:assert/strict';
import type { SimUdpSocket } from '../../../hal/sim/udp.ts';
import { idr, rtp, SimRelay, SimRtspViewer, sessionOf, url } from './sim-relay.ts';

const transports = ['udp', 'tcp'] as const;
const leavings = ['TEARDOWN', 'hanging up'] as const;
const dialogue = ['DESCRIBE', 'first SETUP', 'second SETUP', 'PLAY'] as const;
type Transport = (typeof transports)[number];
type Leaving = (typeof leavings)[number];

/** Resolves when `check` holds; the test's own time limit ends it otherwise. */
async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setImmediate(resolve));
}

/** A viewer that says one request of its dialogue after the other, and can tell what media reached it. */
class Guest {
  readonly address: string;
  readonly viewer: SimRtspViewer;
  readonly #transport: Transport;
  readonly #sockets: SimUdpSocket[] = [];
  #session: Record<string, string> = {};
  #said = 0;

  constructor(relay: SimRelay, address: string, transport: Transport) {
    this.address = address;
    this.#transport = transport;
    this.viewer = new SimRtspViewer(relay.connect(address), () => {});
    if (transport === 'tcp') return;
    for (const port of [5000, 5001, 5002, 5003])
      this.#sockets.push(relay.datapath.udpSocket({ address, port }));
  }

  get packets(): number {
    return this.viewer.frames.length + this.#sockets.reduce((sum, { received }) => sum + received.length, 0);
  }

  /** Says what comes before request number `end` of the dialogue, all of it unless told. */
  async say(end: number = dialogue.length): Promise<void> {
    while (this.#said < end) {
      const step = this.#said++;
      const answer = await this.#ask(step);
      assert.equal(answer.status, 200, `the answer to ${dialogue[step]}`);
      if (step === 1) this.#session = { Session: sessionOf(answer) };
    }
  }

  #ask(step: number): ReturnType<SimRtspViewer['ask']> {
    if (step === 0) return this.viewer.ask('DESCRIBE', url, { Accept: 'application/sdp' });
    if (step === 3) return this.viewer.ask('PLAY', `${url}/`, this.#session);
    const first = 2 * (step - 1);
    const Transport =
      this.#transport === 'tcp'
        ? `RTP/AVP/TCP;unicast;interleaved=${first}-${first + 1}`
        : `RTP/AVP;unicast;client_port=${5000 + first}-${5001 + first}`;
    return this.viewer.ask('SETUP', `${url}/stream=${step - 1}`, { ...this.#session, Transport });
  }

  async leave(how: Leaving): Promise<void> {
    if (how === 'TEARDOWN') await this.viewer.ask('TEARDOWN', url, this.#session);
    this.viewer.stream.destroy();
  }
}

describe('RTSP: the last viewer of a feed leaves as another one comes', () => {
  let relay: SimRelay;
  let seq = 1;
  beforeEach(async () => {
    relay = await new SimRelay({ transport: 'tcp' }).open();
  });
  afterEach(() => relay.close());

  /** It alone is in the list, on an open connection, and gets what the source sends from now on. */
  const isServedAlone = async (guest: Guest) => {
    const { monitor, datapath } = relay;
    await until(() => monitor.viewers().length === 1 && datapath.feeds.length === 1);
    const before = guest.packets;
    await until(() => {
      seq += 1;
      datapath.feeds[0]?.push(0, rtp({ seq, rtpTime: 3000 * seq, payload: idr }));
      return guest.packets > before + 1;
    });
    const listed = monitor.viewers().map(({ facts, state }) => `${facts.viewer.address} ${state}`);
    assert.deepEqual(listed, [`${guest.address} playing`]);
    assert.equal(guest.viewer.ended, false);
  };

  for (const transport of transports) {
    for (const how of leavings) {
      for (const [step, request] of dialogue.entries()) {
        it(`serves one by ${transport} whose ${request} crosses the ${how} of one by the other transport`, async () => {
          const last = new Guest(relay, '198.18.0.1', transport === 'udp' ? 'tcp' : 'udp');
          await last.say();
          await isServedAlone(last);
          const next = new Guest(relay, '198.18.0.2', transport);
          await next.say(step);
          await Promise.all([last.leave(how), next.say(step + 1)]);
          await next.say();
          await isServedAlone(next);
        });
      }
    }

    it(`serves one by ${transport} who comes while the origin has not answered TEARDOWN`, async () => {
      const asked = Promise.withResolvers<() => void>();
      relay.origin.scripts.set('TEARDOWN', (request, stream) => {
        const CSeq = request.headers.get('CSeq');
        asked.resolve(() => stream.write(`RTSP/1.0 200 OK\r\nCSeq: ${CSeq}\r\n\r\n`));
        return 'silence';
      });
      const last = new Guest(relay, '198.18.0.1', 'tcp');
      await last.say();
      await last.leave('hanging up');
      const answer = await asked.promise;
      const next = new Guest(relay, '198.18.0.2', transport);
      const playing = next.say();
      answer();
      await playing;
      await isServedAlone(next);
      assert.equal(relay.origin.connections, 2);
      relay.origin.scripts.delete('TEARDOWN');
    });
  }
});
