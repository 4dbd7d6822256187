import type { PlayerKind } from './player.ts';

/** FFmpeg: every stream decoded; one line per picture with its MD5. Audio is decoded and not counted. */
export const ffmpeg: PlayerKind = {
  name: 'ffmpeg',
  commandLine: (url, transport) => [
    'ffmpeg',
    ...['-hide_banner', '-loglevel', 'warning', '-rtsp_transport', transport, '-i', url],
    ...['-map', '0', '-fps_mode', 'passthrough', '-flush_packets', '1', '-f', 'framemd5', '-'],
  ],
  // "0,         83,         83,        1,   115200, 1068b7e2..."; stream 0 is the video.
  pictureOf: (line) => /^0, .*, ([0-9a-f]{32})$/.exec(line)?.[1],
  // A signal makes it break off its own I/O, the TEARDOWN included; the key does not.
  quit: (program) => program.write('q'),
};
