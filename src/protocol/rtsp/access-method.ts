import type { AccessMethod } from '../access-method.ts';
import { looksLikeRtsp } from './wire/index.ts';

const answerStart = Buffer.from('RTSP/');

/** `rtsp://`: live media (RFC 2326). */
export const rtspAccessMethod: AccessMethod = {
  name: 'rtsp',
  live: true,
  recognise: looksLikeRtsp,
  answers: (bytes) => answerStart.subarray(0, bytes.length).equals(bytes.subarray(0, answerStart.length)),
};
