import type { PlayerKind, Transport } from './player.ts';

/** The tunnel is chosen by the method of the URL. */
const source = (url: string, transport: Transport): string[] =>
  transport === 'http'
    ? [`location=${url.replace(/^rtsp:/, 'rtsph:')}`]
    : [`location=${url}`, `protocols=${transport}`];

/** GStreamer's rtspsrc with both streams decoded; `identity` tells of every picture. */
export const gstreamer: PlayerKind = {
  name: 'gstreamer',
  commandLine: (url, transport) => [
    'gst-launch-1.0',
    ...['-v', 'rtspsrc', ...source(url, transport), 'latency=100', 'name=source'],
    ...['source.', '!', 'application/x-rtp,media=video', '!', 'rtph264depay', '!', 'avdec_h264', '!'],
    ...['identity', 'name=pictures', 'silent=false', '!', 'fakesink', 'sync=false'],
    ...['source.', '!', 'application/x-rtp,media=audio', '!', 'rtpopusdepay', '!', 'opusdec', '!'],
    ...['fakesink', 'sync=false'],
  ],
  pictureOf: (line) => (/GstIdentity:pictures: last-message = chain /.test(line) ? '' : undefined),
  quit: (program) => program.signal('SIGINT'),
};
