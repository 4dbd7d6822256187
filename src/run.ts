import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CloseStack,
  createLog,
  describeError,
  type LogLevel,
  systemClock,
  WeirError,
  weirVersion,
} from '#base';
import { openLinuxHal } from '#hal';
import { loadConfig } from './config/index.ts';
import { Relay } from './relay.ts';
import { ControlServer } from './status/index.ts';

/** How long an orderly end may take before the process is left to die. */
const endMs = 10_000;

/** The appliance: relays until SIGTERM or SIGINT. */
export async function run(configFile: string, dataDir: string): Promise<void> {
  const config = await loadConfig(configFile);
  const clock = systemClock;
  const level: LogLevel = config.system.logLevel;
  const log = createLog({
    write: (line) => process.stdout.write(line),
    level: () => level,
    nowMs: clock.nowMs,
  });
  await makeDataDir(dataDir);
  const stop = stopSignal();
  await using box = new CloseStack();
  let relay: Relay | undefined;
  box.use(
    await ControlServer.open(
      join(dataDir, 'control.sock'),
      {
        'show relay': async () => relay?.status() ?? { error: 'still starting' },
        'show alarms': async () => ({
          standing: relay?.alarms.standing() ?? [],
          ended: relay?.alarms.ended() ?? [],
        }),
      },
      log,
    ),
  );
  const hal = box.use(await openLinuxHal({ log, realtime: config.system.realtime }));
  relay = box.use(await Relay.start({ config, hal, log, clock }));
  log.info('ready', { version: weirVersion, name: config.system.name, pid: process.pid });
  const signal = await stop;
  log.info('stopping', { signal });
  setTimeout(() => {
    log.error('the orderly end took too long', { ms: endMs });
    process.exit(1);
  }, endMs).unref();
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

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
}
