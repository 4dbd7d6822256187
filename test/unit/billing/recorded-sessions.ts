import { Alarms, silentLog } from '#base';
import { BillingManager, Unrecorded } from '../../../src/billing/index.ts';
import { parseConfig } from '../../../src/config/index.ts';
import { HandClock } from '../session/scripted.ts';
import { BilledViewer, type RecordsFolder } from './billed-viewer.ts';

const interfaces = { wan: { device: 'wan0' }, access: { device: 'lan0' } };

/** 2026-03-01T00:00:00Z */
export const march = 1_772_323_200_000;

/** Sessions of a day each and of so many megabytes, one after the other from the first of March 2026 on. */
export async function recordSessions(
  folder: RecordsFolder,
  billing: object,
  megabytes: readonly number[],
): Promise<void> {
  const config = parseConfig({ interfaces, billing }).billing;
  const clock = new HandClock();
  clock.setAheadMs = march - clock.nowMs();
  const alarms = new Alarms({ clock, log: silentLog });
  await using manager = new BillingManager({
    store: folder.store,
    config: () => config,
    synchronised: () => true,
    macOf: () => undefined,
    deliveries: () => ['radius:main', 'https:billing'],
    unrecorded: new Unrecorded({ config: () => config, alarms, log: silentLog }),
    alarms,
    clock,
    log: silentLog,
  });
  for (const [day, size] of megabytes.entries()) {
    const url = day === 1 ? 'rtsp://tv/a,"b"' : 'rtsp://tv/live';
    const viewer = new BilledViewer(`session-${day}`, { url });
    await manager.started(viewer);
    viewer.gets(BigInt(size) * 1_000_000n, 10n);
    await clock.pass(86_400_000, 86_400_000);
    manager.ended(viewer.end(clock.monoNs()));
    await manager.settled();
  }
}
