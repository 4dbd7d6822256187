import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { silentLog } from '#base';
import { openDatapath } from '../../../hal/datapath/datapath.ts';
import type { Datapath } from '../../../hal/datapath/face.ts';
import { rtp } from '../../contract/media.ts';

const address = '127.0.0.1';

/** Opens a datapath and keeps its engines and mailboxes busy; resolves when packets flow. Nothing is ever closed. */
export async function busyDatapath(): Promise<void> {
  const datapath = openDatapath({ log: silentLog, realtime: false, threads: 2 });
  await Promise.all([busyFeed(datapath), busyFeed(datapath), busyConnection(datapath)]);
}

async function busyFeed(datapath: Datapath): Promise<void> {
  const source = createSocket('udp4').bind(0, address).unref();
  const target = createSocket('udp4').bind(0, address).unref();
  await Promise.all([once(source, 'listening'), once(target, 'listening')]);
  const local = { address, port: source.address().port };
  const remote = { address, port: target.address().port };

  const feed = await datapath.createFeed({
    tracks: [{ clockRateHz: 90_000, codec: 'none', video: false }],
    ringBytes: 1 << 20,
    ringMs: 1000,
  });
  const [upstream, downstream] = [
    await datapath.udpPair({ address, transparent: false }),
    await datapath.udpPair({ address, transparent: false }),
  ];
  await feed.receive([{ track: 0, transport: 'udp', pair: upstream, rtpSource: local, rtcpSource: local }]);
  const tracks = [
    { track: 0, transport: 'udp', pair: downstream, rtpTarget: remote, rtcpTarget: remote } as const,
  ];
  const viewer = await feed.addViewer({ tracks, startWaitMs: 0 });
  await viewer.play();

  let seq = 0;
  const tick = () => {
    for (let burst = 0; burst < 8; burst += 1) source.send(rtp({ seq: seq++ }), upstream.rtp.port, address);
  };
  setInterval(tick, 1).unref();
  await once(target, 'message');
}

async function busyConnection(datapath: Datapath): Promise<void> {
  const listener = await datapath.listen({ local: { address, port: 0 }, transparent: false });
  listener.accepted.on(async (connection) => {
    const limits = { maxHeaderBytes: 1024, maxBodyBytes: 1024 };
    const adopted = await datapath.adopt(connection, { limits });
    adopted.message.on((text) => adopted.send(text));
  });
  const client = connect(listener.local.port, address).unref().resume();
  client.on('error', () => {});

  setInterval(() => client.write('OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n'), 1).unref();
  await once(client, 'data');
}
