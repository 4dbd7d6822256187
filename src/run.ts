import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import {
  Alarms,
  CloseStack,
  createLog,
  describeError,
  type Log,
  systemClock,
  WeirError,
  weirVersion,
} from '#base';
import { openLinuxHal } from '#hal';
import { openStore, type Store } from '#storage';
import { loadConfig } from './config/index.ts';
import { engineThreadCount } from './engine-thread-count.ts';
import { abandonDeliveries, outboxStatus, requeueDeliveries } from './operations/index.ts';
import { Relay } from './relay.ts';
import { ControlServer } from './status/index.ts';

/** How long an orderly end may take before the process is left to die. */
const endMs = 10_000;
/**
 * The young generation of the heap stays as small as it begins. Left alone it grows to 60 MB while many viewers join, full of
 * what is long dead, and stays so: 28 KiB a viewer at 2,000 viewers. Set here, it holds however the daemon was started.
 */
const keepYoungHeapSmall = '--semi-space-growth-factor=1';

/** The appliance: relays until SIGTERM or SIGINT. */
export async function run(configFile: string, dataDir: string): Promise<void> {
  setFlagsFromString(keepYoungHeapSmall);
  const config = await loadConfig(configFile);
  const clock = systemClock;
  let relay: Relay | undefined;
  let store: Store | undefined;
  const log = createLog({
    write: (line) => process.stdout.write(line),
    level: () => (relay?.config ?? config).system.logLevel,
    nowMs: clock.nowMs,
  });
  // Who read our log may go away; viewers stay.
  process.stdout.on('error', () => {});
  await makeDataDir(dataDir);
  const stop = stopSignal(log);
  await using box = new CloseStack();
  box.use(
    await ControlServer.open(
      join(dataDir, 'control.sock'),
      {
        'show relay': async () => relay?.status() ?? { error: 'still starting' },
        'show outbox': async () =>
          store && relay ? outboxStatus(store, relay.uploads?.states()) : { error: 'still starting' },
        'outbox requeue': async (destination) => {
          if (!store) return { error: 'still starting' };
          const order = await requeueDeliveries(store, destination);
          relay?.uploads?.looked(destination);
          return order;
        },
        'outbox abandon': async (destination) => {
          if (!store || !relay) return { error: 'still starting' };
          const order = await abandonDeliveries(store, destination, relay.uploads?.names() ?? []);
          relay.uploads?.looked(destination);
          return order;
        },
        'show alarms': async () => ({
          standing: relay?.alarms.standing() ?? [],
          ended: relay?.alarms.ended() ?? [],
        }),
      },
      log,
    ),
  );
  const engineThreads = engineThreadCount(config.relay.engineThreads, availableParallelism());
  const hal = box.use(await openLinuxHal({ log, realtime: config.system.realtime, engineThreads }));
  const alarms = new Alarms({ clock, log });
  const bootId = await hal.board.bootId();
  store = box.use(await openStore({ folder: dataDir, bootId, clock, log, alarms }));
  log.info('records', {
    deviceId: store.device.id,
    bootEpoch: store.bootEpoch,
    leftOpen: store.leftOpen.length,
  });
  relay = box.use(await Relay.start({ config, hal, log, clock, alarms, store }));
  log.info('ready', { version: weirVersion, name: config.system.name, pid: process.pid });
  await stop;
  await box.close();
  log.info('stopped');
}

/** Makes the data folder, but not its parents: a mistyped path shall not grow a tree. */
async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { mode: 0o700 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw new WeirError('SOCKET_FAILED', `cannot make the data folder ${dataDir}: ${describeError(cause)}`, {
      cause,
      advice: 'name a folder that can be written with --data',
    });
  }
}

/**
 * Resolves at the first SIGTERM or SIGINT, which also sets the end of our time, whether we had started or not. Further ones
 * change nothing: a shell and its npm send two, and half an end would leave rules behind.
 */
function stopSignal(log: Log): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false;
    const stop = (signal: NodeJS.Signals) => {
      if (stopping) return;
      stopping = true;
      log.info('stopping', { signal });
      setTimeout(() => {
        log.error('the orderly end took too long', { ms: endMs });
        process.exit(1);
      }, endMs).unref();
      resolve();
    };
    process.on('SIGTERM', stop).on('SIGINT', stop);
  });
}
