/**
 * A collector as a process of its own: `collector-process.ts CA CERT KEY PORT`. Tells each record it gets as a line,
 * `record ID SESSION`, once it has answered for it.
 */
import { readFileSync } from 'node:fs';
import { CollectorServer } from './collector-server.ts';

const [ca = '', cert = '', key = '', port = ''] = process.argv.slice(2);
const files = { ca, cert, key };
const text = (file: string) => readFileSync(file, 'utf8');
const collector = await CollectorServer.start(
  { ca: text(ca), cert: text(cert), key: text(key), files },
  Number(port),
);
collector.answer = ({ body }) => {
  for (const { type, data } of JSON.parse(body)) {
    if (type !== 'weir.usage.record.v1') continue;
    process.stdout.write(`record ${data.record.recordId} ${data.record.sessionId}\n`);
  }
  return { status: 204 };
};
process.stdout.write('listening\n');
