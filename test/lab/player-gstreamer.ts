import { fileURLToPath } from 'node:url';
import type { PlayerKind } from './player.ts';

const script = fileURLToPath(new URL('player-gstreamer.py', import.meta.url));

/** GStreamer's rtspsrc with both streams decoded. */
export const gstreamer: PlayerKind = {
  name: 'gstreamer',
  commandLine: (url, transport) => ['/usr/bin/python3', script, url, transport],
  pictureOf: (line) => (line === 'picture' ? '' : undefined),
  quit: (program) => program.signal('SIGINT'),
};
