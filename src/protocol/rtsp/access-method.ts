import type { AccessMethod } from '../access-method.ts';
import { looksLikeRtsp } from './wire/index.ts';

const answerStart = Buffer.from('RTSP/');

/** `rtsp://`: live media (RFC 2326). */
export const rtspAccessMethod: AccessMethod = {
  name: 'rtsp',
  live: true,
  recognise: (bytes) => {
    const verdict = looksLikeRtsp(bytes);
    // Over HTTP (x-sessioncookie) it is RTSP as well, but the origin has to serve that itself.
    return verdict === 'yes' && /^(GET|POST) /.test(Buffer.from(bytes.subarray(0, 5)).toString('latin1'))
      ? 'tunnelled'
      : verdict;
  },
  answers: (bytes) => answerStart.subarray(0, bytes.length).equals(bytes.subarray(0, answerStart.length)),
};
