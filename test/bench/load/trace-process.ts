/**
 * Sends the demo source's video as plain RTP, with the same frames, bursts and packet sizes as the source itself, to a
 * receiver that speaks no RTSP: `trace-process.ts TARGET PORT LOCAL OPTIONS_JSON`. Prints `ready`; ends with its input.
 */
import { systemClock } from '#base';
import { videoContent } from '../../../src/demo/source/contents.ts';
import { LiveTrack } from '../../../src/demo/source/live-track.ts';
import { rtpHeaderBytes, stampedHeaderBytes } from '../../../src/demo/source/rtp/rtp-header.ts';
import { UdpTransport } from '../../../src/demo/source/rtp/transport.ts';
import { TrackSender } from '../../../src/demo/source/track-sender.ts';
import type { TraceOptions } from './trace.ts';

const [target = '', port = '', local = '', json = '{}'] = process.argv.slice(2);
const options = JSON.parse(json) as TraceOptions;
const {
  bitsPerSecond,
  framesPerSecond = 25,
  groupSeconds = 2,
  maxPacketBytes = 1400,
  stampPayload = false,
} = options;
const headerBytes = stampPayload ? stampedHeaderBytes : rtpHeaderBytes;
const track = new LiveTrack(
  videoContent({ bitsPerSecond, framesPerSecond, groupSeconds, maxPacketBytes, headerBytes }),
  systemClock,
);
const transport = await UdpTransport.open({
  localAddress: local,
  remoteAddress: target,
  remotePorts: [Number(port), Number(port) + 1],
  onReceive: () => {},
  onRefused: () => {},
});
const sender = new TrackSender({
  track,
  transport,
  clock: systemClock,
  stampPayload,
  senderReportSeconds: 3600,
});
track.start();
sender.play();
console.log('ready');
process.stdin.resume().once('end', () => {
  track.stop();
  sender.close({ bye: false });
  console.log(JSON.stringify(sender.counters()));
});
