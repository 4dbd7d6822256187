import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { SimRelay, url } from './sim-relay.ts';

const webAt = { address: '203.0.113.20', port: 8554 };
const viewerAt = { address: '198.18.0.10', port: 33_000 };

/** Everything a side sends until it ends. */
async function readAll(stream: Duplex): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString('latin1');
}

/** The first bytes a side sends. */
const readSome = (stream: Duplex): Promise<string> =>
  new Promise((resolve) => stream.once('data', (bytes: Buffer) => resolve(bytes.toString('latin1'))));

describe('pass-through', () => {
  let relay: SimRelay;
  beforeEach(async () => {
    relay = await new SimRelay().open();
  });
  afterEach(() => relay.close());

  it("carries what is not RTSP to the origin, from the viewer's own address, and learns from the origin's answer", async () => {
    const seen = new Promise<[from: string, text: string]>((resolve) => {
      relay.datapath.serve(webAt, async (stream, { remote }) => {
        resolve([remote.address, await readSome(stream)]);
        stream.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi');
      });
    });
    const stream = relay.datapath.dial(viewerAt, webAt);
    stream.write('GET / HTTP/1.1\r\nHost: 203.0.113.20\r\n\r\n');
    assert.match(await readAll(stream), /^HTTP\/1\.1 200 OK\r\n.*hi$/s);
    assert.deepEqual(await seen, ['198.18.0.10', 'GET / HTTP/1.1\r\nHost: 203.0.113.20\r\n\r\n']);
    assert.deepEqual(relay.notLive, [webAt]);
  });

  it('learns nothing when the origin answers in RTSP', async () => {
    relay.datapath.serve(webAt, async (stream) => {
      await readSome(stream);
      stream.end('RTSP/1.0 400 Bad Request\r\n\r\n');
    });
    const stream = relay.datapath.dial(viewerAt, webAt);
    stream.write('nonsense\r\n\r\n');
    assert.match(await readAll(stream), /^RTSP\/1\.0 400/);
    assert.deepEqual(relay.notLive, []);
  });

  it('learns nothing when the origin hangs up without a word', async () => {
    relay.datapath.serve(webAt, async (stream) => {
      await readSome(stream);
      stream.end();
    });
    const stream = relay.datapath.dial(viewerAt, webAt);
    stream.write('\x16\x03\x01 hello');
    assert.equal(await readAll(stream), '');
    assert.deepEqual(relay.notLive, []);
  });

  it('lets the origin speak first where the viewer waits for it', async function () {
    this.timeout(5000);
    relay.datapath.serve(webAt, (stream) => void stream.end('220 mail.example ready\r\n'));
    assert.equal(await readAll(relay.datapath.dial(viewerAt, webAt)), '220 mail.example ready\r\n');
    assert.deepEqual(relay.notLive, [webAt]);
  });

  it('serves a viewer that speaks RTSP after a silence', async function () {
    this.timeout(5000);
    const connections = new Promise<void>((resolve) => relay.datapath.serve(webAt, () => resolve()));
    const viewer = relay.dial('198.18.0.10', webAt);
    await connections;
    assert.equal((await viewer.ask('OPTIONS', url)).status, 200);
    assert.deepEqual(relay.notLive, []);
  });

  it("hands a viewer's FIN on to an origin that has not spoken yet", async () => {
    const seen = new Promise<string>((resolve) => {
      relay.datapath.serve(webAt, async (stream) => {
        resolve(await readAll(stream));
      });
    });
    const stream = relay.datapath.dial(viewerAt, webAt);
    stream.end('half a request');
    assert.equal(await seen, 'half a request');
  });

  it('ends the viewer where no origin is', async () => {
    const stream = relay.datapath.dial(viewerAt, { ...webAt, port: 9 });
    stream.write('GET / HTTP/1.1\r\n\r\n');
    assert.equal(await readAll(stream), '');
    assert.equal(relay.intake.openConnections, 0);
  });
});
