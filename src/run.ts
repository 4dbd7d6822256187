import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { Alarms, CloseStack, createLog, type Log, systemClock, weirVersion } from '#base';
import { openLinuxHal } from '#hal';
import { loadConfig } from './config/index.ts';
import { makeDataFolder } from './data-folder.ts';
import { engineThreadCount } from './engine-thread-count.ts';
import { LateStore } from './late-store.ts';
import { type Box, controlCommands, OperatorConsole, operationsOf } from './operator-console.ts';
import { Relay } from './relay.ts';
import { openControl } from './status/index.ts';

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
  let store: LateStore | undefined;
  const log = createLog({
    write: (line) => process.stdout.write(line),
    level: () => (relay?.config ?? config).system.logLevel,
    nowMs: clock.nowMs,
  });
  // Who read our log may go away; viewers stay.
  process.stdout.on('error', () => {});
  await makeDataFolder(dataDir);
  const stop = stopSignal(log);
  await using box = new CloseStack();
  const alarms = new Alarms({ clock, log });
  const parts: Box = { config: () => relay?.config ?? config, relay: () => relay, store: () => store?.now, alarms };
  const operations = operationsOf(parts);
  const operator = box.use(new OperatorConsole({ box: parts, operations, clock, log }));
  box.use(await openControl(dataDir, { commands: controlCommands(operations), streams: operator.streams }, log));
  const engineThreads = engineThreadCount(config.relay.engineThreads, availableParallelism());
  const hal = box.use(await openLinuxHal({ log, realtime: config.system.realtime, engineThreads }));
  operator.openSerial(hal.serialPorts);
  const bootId = await hal.board.bootId();
  store = box.use(await LateStore.open({ folder: dataDir, bootId, clock, log, alarms }));
  relay = box.use(await Relay.start({ config, hal, log, clock, alarms, store }));
  log.info('ready', { version: weirVersion, name: config.system.name, pid: process.pid });
  await stop;
  await box.close();
  log.info('stopped');
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
