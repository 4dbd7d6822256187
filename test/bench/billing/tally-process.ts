/**
 * The collector of the benchmarks, a process of its own: `tally-process.ts CA CERT KEY PORT`. Keeps no record, only counts. A line on its
 * standard input asks for `tally JSON`.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { CollectorServer } from '../../lab/upload/collector-server.ts';

/** What came. */
export interface Tally {
  readonly posts: number;
  readonly records: number;
  /** With the duplicates left out. */
  readonly distinct: number;
  /** Records that came first after one with a higher sequence. */
  readonly outOfOrder: number;
  /** States of sessions that run. */
  readonly live: number;
  /** States of a session of which the record had come. */
  readonly liveAfterRecord: number;
}

const [ca = '', cert = '', key = '', port = ''] = process.argv.slice(2);
const files = { ca, cert, key };
const text = (file: string) => readFileSync(file, 'utf8');
const ids = new Set<string>();
const ended = new Set<string>();
let [posts, records, outOfOrder, live, liveAfterRecord, highest] = [0, 0, 0, 0, 0, 0];

const collector = await CollectorServer.start(
  { ca: text(ca), cert: text(cert), key: text(key), files },
  Number(port),
);
collector.answer = ({ body }) => {
  collector.posts.length = 0;
  posts += 1;
  for (const { type, data } of JSON.parse(body)) {
    const { recordId, sessionId } = data.record;
    if (type !== 'weir.usage.record.v1') {
      live += 1;
      if (ended.has(sessionId)) liveAfterRecord += 1;
      continue;
    }
    records += 1;
    if (!ids.has(recordId) && data.chain.sequence < highest) outOfOrder += 1;
    highest = Math.max(highest, data.chain.sequence);
    ids.add(recordId);
    ended.add(sessionId);
  }
  return { status: 204 };
};
createInterface({ input: process.stdin }).on('line', () => {
  const tally: Tally = { posts, records, distinct: ids.size, outOfOrder, live, liveAfterRecord };
  process.stdout.write(`tally ${JSON.stringify(tally)}\n`);
});
process.stdout.write('listening\n');
