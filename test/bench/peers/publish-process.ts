/**
 * Publishes one track of H.264 to an RTSP server (RFC 2326 s.10.3, 10.4, 10.11) that others then play it from:
 * `publish-process.ts SERVER PORT PATH`. Prints `record RTP_PORT` when the server waits for media there; who started it
 * sends that. Stays connected until its input ends.
 */
import { once } from 'node:events';
import { connect } from 'node:net';

const [server = '', port = '', path = ''] = process.argv.slice(2);
const url = `rtsp://${server}:${port}${path}`;
const control = 'streamid=0';
const sdp = [
  ...['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=live', 'c=IN IP4 0.0.0.0', 't=0 0', 'm=video 0 RTP/AVP 96'],
  ...['a=rtpmap:96 H264/90000', 'a=fmtp:96 packetization-mode=1', `a=control:${control}`, ''],
].join('\r\n');

const socket = connect(Number(port), server);
await once(socket, 'connect');
let sequence = 0;
let session = '';

async function ask(method: string, uri: string, headers: readonly string[], body = ''): Promise<string> {
  sequence += 1;
  const lines = [
    ...[`${method} ${uri} RTSP/1.0`, `CSeq: ${sequence}`, ...(session ? [`Session: ${session}`] : [])],
    ...[...headers, ...(body ? [`Content-Length: ${Buffer.byteLength(body)}`] : [])],
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  // In as many pieces as the server likes, and without a body.
  let text = '';
  while (!text.endsWith('\r\n\r\n')) text += (await once(socket, 'data'))[0];
  if (!/^RTSP\/1.0 200/.test(text)) throw new Error(`${method}: ${text}`);
  session = /^Session: *([^;\r\n]+)/im.exec(text)?.[1] ?? session;
  return text;
}

await ask('ANNOUNCE', url, ['Content-Type: application/sdp'], sdp);
const answer = await ask('SETUP', `${url}/${control}`, [
  'Transport: RTP/AVP/UDP;unicast;client_port=5000-5001;mode=record',
]);
await ask('RECORD', url, ['Range: npt=0.000-']);
console.log(`record ${/server_port=(\d+)/.exec(answer)?.[1]}`);
process.stdin.resume().once('end', () => socket.destroy());
