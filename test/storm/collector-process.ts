/**
 * The storm's collector: `collector-process.ts CA CERT KEY ADDRESS PORT NOTES SEED`; without certificates it takes plain HTTP. Every
 * record it takes is a line in the file NOTES before the answer goes out, and told as `taken N`, all so far; nobody kills it. Lines on
 * standard input: `away`, `back`, `moody` (fails in the ways collectors do), `steady`.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createInterface } from 'node:readline';
import { random } from '../fuzz/random.ts';

const [ca = '', cert = '', key = '', address = '', port = '', notes = '', seed = '1'] = process.argv.slice(2);
const below = random(Number(seed));
const file = openSync(notes, 'a');
const moods = [
  'refuses',
  'cuts',
  'late',
  'some',
  'takes',
  'takes',
  'takes',
  'takes',
  'takes',
  'takes',
] as const;
type Mood = (typeof moods)[number];
const longestDelayMs = 1500;
let moody = false;
let all = 0;

interface Event {
  readonly type: string;
  readonly id: string;
  readonly data: { readonly record: { readonly recordId: string }; readonly chain: unknown };
}

const answer: RequestListener = (request, response) => {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('error', () => {});
  response.on('error', () => {});
  request.on('end', () => {
    const mood: Mood = moody ? (moods[below(moods.length)] ?? 'takes') : 'takes';
    const events = (JSON.parse(Buffer.concat(pieces).toString()) as Event[]).filter(
      ({ type }) => type === 'weir.usage.record.v1',
    );
    if (mood === 'refuses') return void response.writeHead(503).end();
    const taken = events.filter(() => mood !== 'some' || below(2) === 0);
    for (const { id, data } of taken) {
      writeSync(file, `${JSON.stringify({ id, ...data, answered: mood !== 'cuts' })}\n`);
    }
    all += taken.length;
    process.stdout.write(`taken ${all}\n`);
    if (mood === 'cuts') return void request.socket.destroy();
    const results = events.map((event) => ({
      id: event.id,
      status: taken.includes(event) ? 'accepted' : 'retry',
    }));
    const respond = () => response.writeHead(200).end(mood === 'some' ? JSON.stringify({ results }) : '');
    if (mood === 'late') setTimeout(respond, below(longestDelayMs));
    else respond();
  });
};

const server =
  ca === ''
    ? createHttpServer(answer)
    : createHttpsServer(
        { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key), requestCert: true },
        answer,
      );
server.on('tlsClientError', () => {});
const listen = () => server.listen(Number(port), address, () => process.stdout.write('listening\n'));
const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => {
  if (line === 'moody' || line === 'steady') moody = line === 'moody';
  else if (line === 'back') listen();
  else if (line === 'away') {
    server.closeAllConnections();
    server.close(() => process.stdout.write('away\n'));
  }
});
commands.on('close', () => {
  closeSync(file);
  process.exit(0);
});
listen();
