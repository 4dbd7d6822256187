/**
 * The process of an origin of everything but RTSP; `origin-web.ts` starts it on a host. The only argument is its
 * options as JSON; it ends with its standard input.
 */
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { WebOriginOptions } from './origin-web.ts';

const { httpPorts, tlsPort, greetingPorts, folder }: WebOriginOptions = JSON.parse(process.argv[2] ?? '{}');
const file = `${folder}/file`;

const serve: RequestListener = (request, response) => {
  process.stdout.write(
    `${JSON.stringify({ event: 'request', url: request.url, peer: request.socket.remoteAddress })}\n`,
  );
  if (request.url !== '/file') return void response.end('hello from the origin\n');
  response.setHeader('Content-Length', statSync(file).size);
  createReadStream(file, { highWaterMark: 1 << 18 }).pipe(response);
};

const tls = { key: readFileSync(`${folder}/key.pem`), cert: readFileSync(`${folder}/cert.pem`) };
const listening = [
  ...httpPorts.map((port) => createHttpServer(serve).listen(port, '::')),
  createHttpsServer(tls, serve).listen(tlsPort, '::'),
  ...greetingPorts.map((port) => createServer(greet).listen(port, '::')),
].map((server) => new Promise((resolve) => server.once('listening', resolve)));
await Promise.all(listening);
process.stdout.write(`${JSON.stringify({ event: 'listening' })}\n`);
createInterface({ input: process.stdin }).on('close', () => process.exit(0));

/** A protocol whose server speaks first, as SMTP and FTP do. */
function greet(socket: Socket): void {
  socket.on('error', () => {});
  socket.write('220 the origin greets\r\n');
  createInterface({ input: socket }).on('line', (line) => socket.write(`250 ${line}\r\n`));
}
