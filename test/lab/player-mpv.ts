import type { PlayerKind } from './player.ts';

/** mpv without screen and sound; the filter `showinfo` tells of every decoded picture. */
export const mpv: PlayerKind = {
  name: 'mpv',
  commandLine: (url, transport) => [
    'mpv',
    ...['--no-config', '--vo=null', '--ao=null', '--vf=lavfi=[showinfo]', `--rtsp-transport=${transport}`],
    ...['--msg-level=all=warn,ffmpeg=v', '--msg-color=no', url],
  ],
  pictureOf: (line) => /showinfo_\d+: n: +\d+ .*checksum:([0-9A-F]{8}) /.exec(line)?.[1],
  quit: (program) => program.signal('SIGINT'),
};
