import { systemClock } from '#base';
import { FailingSource, failures } from './failures.ts';
import { percentile } from './figures.ts';
import { Load } from './load/index.ts';
import { flows, survive, until } from './recovery.ts';
import { below, none, type Report } from './report.ts';
import { openBox } from './scene.ts';

export interface OutageBenchOptions {
  readonly viewers: number;
  readonly progress: (line: string) => void;
}

const awayMs = 10_000;
const groupSeconds = 2;
/** Within the longest pause between two attempts and a group of pictures there is a picture to start at. */
const limitMs = 2000 + groupSeconds * 1000;
const media = { bitsPerSecond: 2_000_000, framesPerSecond: 25, groupSeconds, audio: true };
const settleMs = 3000;

/** The source is killed for ten seconds beneath viewers of both transports. */
export async function benchOutage({ viewers, progress }: OutageBenchOptions): Promise<Report> {
  await using box = await openBox();
  const { world, daemon, port } = box;
  await using source = await FailingSource.start(world.origin, port, media);
  const address = world.origin.address4;
  await using load = await Load.start(world.viewer, {
    url: `rtsp://${address}:${port}/live`,
    server: { address, port },
    transport: 'udp',
  });
  let dropped = 0;
  load.receiver.closed.on(() => {
    dropped += 1;
  });
  const byUdp = Math.ceil(viewers / 2);
  await load.add(byUdp, 'udp');
  await load.add(viewers - byUdp, 'tcp');
  await until('media at all viewers', async () => flows(await load.report()));
  // Who joins last has caught up.
  await systemClock.sleep(settleMs);
  progress(`outage: ${viewers} viewers, the source is killed`);
  const feedNow = async () => (await daemon.status()).feeds[0];
  const { awayMs: away, recoveryMs } = await survive(
    source,
    failures.killed,
    { load, dropped: () => dropped, reconnections: async () => (await feedNow())?.reconnections ?? 0 },
    { viewers, awayMs },
  );
  const ended = (await daemon.status()).ended.length;
  const sorted = recoveryMs.toSorted((a, b) => a - b);
  const at = [0.5, 0.99, 0, 1].map((share) => percentile(sorted, share).toFixed(0));
  return {
    title: `outage: the source is killed for ${(away / 1000).toFixed(1)} s with ${byUdp} viewers by UDP and ${viewers - byUdp} by TCP, video and sound; from its return to media at each viewer, ms.`,
    table: [
      ['viewers', 'dropped', 'lost, doubled or late packets', 'p50', 'p99', 'min', 'max'],
      [String(viewers), String(dropped), '0', ...at],
    ],
    goals: [
      none('viewers dropped', dropped + ended),
      below(
        `media again, slowest viewer (2 s and a group of ${groupSeconds} s)`,
        sorted.at(-1) ?? 0,
        limitMs,
        ' ms',
      ),
    ],
    notes: [
      'at every viewer one SSRC, sequence numbers without a gap, RTP time that never goes back; else this ends with status 1',
    ],
    figures: [{ viewers, awayMs: away, recoveryMs }],
  };
}
