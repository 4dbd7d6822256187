/** A viewer's side of RTSP over HTTP, as FFmpeg and GStreamer were seen to do it. */
import { Duplex } from 'node:stream';

const path = '/live';

/** The GET of FFmpeg 5.1, as captured. */
export const getOf = (cookie: string): string =>
  [
    `GET ${path} HTTP/1.1`,
    'User-Agent: Lavf/59.27.100',
    'Range: bytes=0-',
    'Connection: close',
    'Host: 203.0.113.10:554',
    'Icy-MetaData: 1',
    `x-sessioncookie: ${cookie}`,
    'Accept: application/x-rtsp-tunnelled',
    'Pragma: no-cache',
    'Cache-Control: no-cache',
    '\r\n',
  ].join('\r\n');

/** The POST of GStreamer 1.22, as captured. */
export const postOf = (cookie: string): string =>
  [
    `POST ${path} HTTP/1.0`,
    `x-sessioncookie: ${cookie}`,
    'Accept: application/x-rtsp-tunnelled',
    'Content-Type: application/x-rtsp-tunnelled',
    'Cache-Control: no-cache',
    'Pragma: no-cache',
    'Expires: Sun, 9 Jan 1972 00:00:00 GMT',
    'Content-Length: 32767',
    'Host: 203.0.113.10:554',
    'Date: Sun, 22 Nov 2026 20:31:10 GMT',
    '\r\n',
  ].join('\r\n');

export const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Everything a side sends until it ends. */
export async function readAll(stream: Duplex): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString('latin1');
}

/** The head of the answer to a GET, to its blank line; what follows is left to be read. */
export function answerHead(stream: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0);
    const over = () => reject(new Error(`ended after ${JSON.stringify(seen.toString('latin1'))}`));
    const take = (bytes: Uint8Array) => {
      seen = Buffer.concat([seen, bytes]);
      const blank = seen.indexOf('\r\n\r\n');
      if (blank < 0) return;
      stream.pause();
      stream.off('data', take).off('end', over);
      stream.unshift(seen.subarray(blank + 4));
      resolve(seen.toString('latin1', 0, blank + 4));
    };
    stream.on('data', take).on('end', over);
  });
}

/** What `SimRtspViewer` takes for one connection: writes go to `post`, each encoded for itself, reads come from `get`. */
export function joined(get: Duplex, post: () => Duplex): Duplex {
  const both = new Duplex({
    read: () => get.resume(),
    write(chunk: Buffer, _encoding, done) {
      post().write(base64(chunk));
      done();
    },
    final(done) {
      post().end();
      get.end();
      done();
    },
    destroy(error, done) {
      post().destroy();
      get.destroy();
      done(error);
    },
  });
  get.on('data', (bytes) => void both.push(bytes)).on('end', () => both.push(null));
  get.on('error', (error) => both.destroy(error));
  return both;
}
