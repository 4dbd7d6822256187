/**
 * A store in a process of its own, for tests that kill it or make its disk stall. Started with the data folder; reads one command a
 * line, writes one fact a line.
 *
 * - `storm`: sessions start, are metered and end without pause. Each promise kept is told: `started ID`, `ended ID SEQUENCE`,
 *   `settled SEQUENCE`.
 * - `start ID`: tells `started ID` when that is committed.
 * - `ping N`: tells `pong N`, whatever the disk does.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Alarms, isWeirError, silentLog, systemClock } from '#base';
import { openStore, type Store } from '#storage';

/** At once and synchronously: what is told was so before the process was killed. */
const say = (line: string) => writeSync(1, `${line}\n`);

const [folder = '', bootId = ''] = process.argv.slice(2);
const alarms = new Alarms({ clock: systemClock, log: silentLog });

async function storm(store: Store): Promise<void> {
  const lane = async (lane: number) => {
    for (let number = 0; ; number += 1) {
      const sessionId = `${process.pid}-${lane}-${number}`;
      await store.ledger.start({
        sessionId,
        startedAt: systemClock.nowMs(),
        clockTrusted: true,
        startedMonoNs: systemClock.monoNs(),
        facts: { lane, number },
      });
      say(`started ${sessionId}`);
      const counters = {
        txBytes: BigInt(number),
        txPackets: 1n,
        droppedPackets: 0n,
        reportedLostPackets: 0n,
      };
      await store.ledger.checkpoint(systemClock.monoNs(), [{ sessionId, ...counters }]);
      const { sequence } = await store.ledger.finish({
        sessionId,
        endedAt: systemClock.nowMs(),
        clockTrusted: true,
        record: { sessionId, number },
        deliveries: ['collector'],
      });
      say(`ended ${sessionId} ${sequence}`);
      if (number % 2 === 1) continue;
      await store.outbox.settle('collector', [{ sequence, outcome: 'acknowledged' }]);
      say(`settled ${sequence}`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, index) => lane(index)));
}

try {
  const store = await openStore({
    folder,
    bootId,
    clock: systemClock,
    log: silentLog,
    alarms,
    endGroupMs: 5,
    ballastBytes: 64 * 1024,
  });
  say('ready');
  createInterface({ input: process.stdin }).on('line', async (line) => {
    const [command = '', argument = ''] = line.split(' ');
    if (command === 'storm') await storm(store);
    if (command === 'ping') say(`pong ${argument}`);
    if (command === 'start') {
      await store.ledger.start({
        sessionId: argument,
        startedAt: 0,
        clockTrusted: true,
        startedMonoNs: 0n,
        facts: null,
      });
      say(`started ${argument}`);
    }
  });
} catch (error) {
  say(isWeirError(error) ? `refused ${error.code}` : `failed ${error}`);
}
