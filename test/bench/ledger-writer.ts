/**
 * What billing will do to the disk, in a thread of the daemon's process: every 50 ms one transaction of a hundred rows and
 * the checkpoint of the counters of open sessions, made durable (WAL, synchronous=FULL). `busy.ts` starts it with the path
 * of its database; the message `stop` ends it, and it answers with what it has done.
 */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

export interface LedgerWork {
  readonly transactions: number;
  readonly slowestTransactionMs: number;
}

const everyMs = 50;
const rowsPerTransaction = 100;
const sessions = 1000;
/** Transactions after which the whole log is written back. */
const checkpointEvery = 20;

const database = new DatabaseSync(workerData as string);
database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
database.exec(
  'CREATE TABLE IF NOT EXISTS counter (session INTEGER PRIMARY KEY, packets INTEGER, bytes INTEGER)',
);
database.exec('CREATE TABLE IF NOT EXISTS record (id INTEGER PRIMARY KEY, body TEXT)');
const count = database.prepare('INSERT OR REPLACE INTO counter VALUES (?, ?, ?)');
const record = database.prepare('INSERT INTO record (body) VALUES (?)');
const body = JSON.stringify({ url: 'rtsp://203.0.113.10/live', viewer: '198.19.0.1', text: 'x'.repeat(300) });

let transactions = 0;
let slowestTransactionMs = 0;

function write(): void {
  const began = performance.now();
  database.exec('BEGIN IMMEDIATE');
  for (let row = 0; row < rowsPerTransaction; row++) {
    count.run((transactions * rowsPerTransaction + row) % sessions, transactions, row);
    record.run(body);
  }
  database.exec('COMMIT');
  transactions += 1;
  if (transactions % checkpointEvery === 0) database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  slowestTransactionMs = Math.max(slowestTransactionMs, performance.now() - began);
}

const timer = setInterval(write, everyMs);
parentPort?.once('message', () => {
  clearInterval(timer);
  database.close();
  const work: LedgerWork = { transactions, slowestTransactionMs };
  parentPort?.postMessage(work);
});
