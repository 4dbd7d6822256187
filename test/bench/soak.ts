/**
 * `npm run soak [-- --repetitions N] [--seed N]`: sources fail and come back, over and over, in every way they know,
 * beneath viewers by UDP and by TCP. Ends with status 1 at the first viewer who notices more than a pause.
 */
import { parseArgs } from 'node:util';
import { CloseStack, describeError, systemClock } from '#base';
import { createWorld, type World } from '../../src/demo/world/index.ts';
import { runCommand, wholeNumber } from '../command.ts';
import { randomOf } from '../random.ts';
import { Daemon } from './daemon.ts';
import { FailingSource, type FailureName, failures } from './failures.ts';
import { percentile } from './figures.ts';
import { buildProgram, Load } from './load/index.ts';
import { type Audience, flows, survive, until, violated } from './recovery.ts';
import { type Report, renderReport } from './report.ts';

const port = 554;
const groupSeconds = 1;
const media = { bitsPerSecond: 1_000_000, framesPerSecond: 25, groupSeconds, audio: true };
const limitMs = 2000 + groupSeconds * 1000;
const viewersByTransport = 2;
const silenceSeconds = 1;
const longestAwayMs = 1000;
/** So that silence is seen before the source is back. */
const leastUnsaidAwayMs = silenceSeconds * 1000 + 600;
/** A lane's sources send by one transport, and have an origin of their own: failures of one must not touch the other. */
const lanes = ['udp', 'tcp'] as const;
type Lane = (typeof lanes)[number];

interface Repetition {
  readonly lane: Lane;
  readonly failure: FailureName;
  readonly awayMs: number;
  /** Of the slowest track of the slowest viewer. */
  readonly recoveryMs: number;
}

async function soak(repetitions: number, seed: number): Promise<Report> {
  await using parts = new CloseStack();
  const world = parts.use(await createWorld({ origins: lanes.length }));
  const daemon = parts.use(await Daemon.start(world, [port], { silenceSeconds }));
  // Once, before all lanes want it.
  await buildProgram('receiver');
  const done: Repetition[] = [];
  const stop = new AbortController();
  const began = systemClock.nowMs();
  const ends = await Promise.allSettled(
    lanes.map(async (lane, index) => {
      const random = randomOf(seed + index);
      try {
        await runLane({ world, daemon, lane, index }, random, stop.signal, (repetition) => {
          done.push(repetition);
          if (done.length % 10 === 0) progress(done, repetitions, began);
          if (done.length >= repetitions) stop.abort();
        });
      } catch (error) {
        stop.abort();
        throw error;
      }
    }),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return reportOf(done, (systemClock.nowMs() - began) / 1000, seed);
}

interface LaneParts {
  readonly world: World;
  readonly daemon: Daemon;
  readonly lane: Lane;
  readonly index: number;
}

async function runLane(
  { world, daemon, lane, index }: LaneParts,
  random: () => number,
  stop: AbortSignal,
  onDone: (repetition: Repetition) => void,
): Promise<void> {
  const station = world.origins[index];
  if (!station) return;
  await using source = await FailingSource.start(station, port, { ...media, transports: [lane] });
  const address = station.address4;
  const url = `rtsp://${address}:${port}/live`;
  await using load = await Load.start(world.viewer, {
    ...{ url, server: { address, port }, transport: 'udp' },
    // Of its own: all lanes bind the same addresses.
    clientPort: 6000 + 100 * index,
  });
  let dropped = 0;
  load.receiver.closed.on(() => {
    dropped += 1;
  });
  for (const transport of ['udp', 'tcp'] as const) await load.add(viewersByTransport, transport);
  const feed = async () =>
    (await daemon.status()).feeds.find(({ origin }) => origin === `${address}:${port}`);
  const audience: Audience = {
    load,
    dropped: () => dropped,
    reconnections: async () => (await feed())?.reconnections ?? 0,
  };
  await until('media at all viewers', async () => flows(await load.report()));
  const names = Object.keys(failures) as FailureName[];
  while (!stop.aborted) {
    const name = names[Math.floor(random() * names.length)] ?? 'killed';
    const failure = failures[name];
    const awayMs = (failure.unsaid ? leastUnsaidAwayMs : 0) + random() * longestAwayMs;
    const viewers = 2 * viewersByTransport;
    const recovery = await survive(source, failure, audience, { viewers, awayMs }).catch((error) => {
      throw violated(`${name}, source by ${lane}: ${describeError(error)}`, { awayMs: Math.round(awayMs) });
    });
    const recoveryMs = Math.max(...recovery.recoveryMs);
    onDone({ lane, failure: name, awayMs: recovery.awayMs, recoveryMs });
    if (recoveryMs > limitMs) {
      throw violated(`${name}, source by ${lane}: media came late`, {
        ...{ recoveryMs: Math.round(recoveryMs), limitMs, awayMs: Math.round(recovery.awayMs) },
      });
    }
  }
}

function progress(done: readonly Repetition[], repetitions: number, began: number): void {
  const seconds = (systemClock.nowMs() - began) / 1000;
  const slowest = Math.max(...done.map(({ recoveryMs }) => recoveryMs));
  console.error(
    `soak: ${done.length} of ${repetitions} in ${seconds.toFixed(0)} s, slowest recovery ${slowest.toFixed(0)} ms`,
  );
}

function reportOf(done: readonly Repetition[], seconds: number, seed: number): Report {
  const row = (name: string, those: readonly Repetition[]): string[] => {
    const times = those.map(({ recoveryMs }) => recoveryMs).toSorted((a, b) => a - b);
    if (times.length === 0) return [name, '0', '', '', '', ''];
    const at = [0.5, 0.9, 0.99, 1].map((share) => percentile(times, share).toFixed(0));
    return [name, String(times.length), ...at];
  };
  const kinds = Object.keys(failures).map((name) =>
    row(
      name,
      done.filter(({ failure }) => failure === name),
    ),
  );
  const slowest = Math.max(...done.map(({ recoveryMs }) => recoveryMs));
  return {
    title: `soak: ${done.length} failures of a source in ${seconds.toFixed(0)} s (seed ${seed}), each with ${viewersByTransport} viewers by UDP and ${viewersByTransport} by TCP, video and sound; from its return to media at the slowest of them, ms.`,
    table: [['failure', 'times', 'p50', 'p90', 'p99', 'max'], ...kinds, row('all', done)],
    goals: [
      {
        text: 'media again, slowest',
        wanted: 'below',
        limit: limitMs,
        measured: slowest,
        unit: ' ms',
        met: slowest <= limitMs,
      },
    ],
    notes: [
      'no viewer dropped; at every viewer one SSRC, sequence numbers without a gap, RTP time that never goes back',
    ],
    figures: done,
  };
}

await runCommand({
  name: 'soak',
  usage: 'usage: npm run soak [-- --repetitions N] [--seed N]',
  prepare: (args) => {
    const { values } = parseArgs({
      args,
      options: { repetitions: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' } },
    });
    return {
      repetitions: wholeNumber('repetitions', values.repetitions),
      seed: wholeNumber('seed', values.seed),
    };
  },
  run: async ({ repetitions, seed }) => console.log(renderReport(await soak(repetitions, seed))),
});
