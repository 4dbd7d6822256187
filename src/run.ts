import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import {
  Alarms,
  CloseStack,
  createLog,
  describeError,
  type Log,
  systemClock,
  weirVersion,
  within,
} from '#base';
import { openLinuxHal } from '#hal';
import { Appliance } from './appliance.ts';
import { Configurations, unconfigured } from './config/index.ts';
import { makeDataFolder } from './data-folder.ts';
import { FrontPanel } from './front-panel.ts';
import { HealthKeeping } from './health-keeping.ts';
import { LogRing, Updates } from './operations/index.ts';
import { type Box, controlCommands, OperatorConsole, operationsOf } from './operator-console.ts';
import { openControl } from './status/index.ts';

/** How long an orderly end may take before the process is left to die. */
const endMs = 10_000;
/**
 * The young generation of the heap stays as small as it begins. Left alone it grows to 60 MB while many viewers join, full of
 * what is long dead, and stays so: 28 KiB a viewer at 2,000 viewers. Set here, it holds however the daemon was started.
 */
const keepYoungHeapSmall = '--semi-space-growth-factor=1';

/** How long a start waits for the data folder itself. */
const folderMs = 5000;

/** The appliance: relays until SIGTERM or SIGINT. `consolePort`: where the console is unless the configuration says where. */
export async function run(
  configFile: string,
  dataDir: string,
  consolePort: string | undefined,
): Promise<void> {
  setFlagsFromString(keepYoungHeapSmall);
  const clock = systemClock;
  let configurations: Configurations | undefined;
  let appliance: Appliance | undefined;
  let updates: Updates | undefined;
  let panel: FrontPanel | undefined;
  const config = () => configurations?.config ?? unconfigured;
  const logRing = new LogRing();
  const log = createLog({
    write: (line) => {
      logRing.add(line);
      process.stdout.write(line);
    },
    level: () => config().system.logLevel,
    nowMs: clock.nowMs,
  });
  process.on('uncaughtException', (error) => {
    log.error('failed', { error: describeError(error), stack: error.stack });
    die();
  });
  // Who read our log may go away; viewers stay.
  process.stdout.on('error', () => {});
  const folderMade = makeDataFolder(dataDir);
  // A disk that does not answer is said by whatever is to be read there.
  if (await within(folderMade, folderMs, clock)) await folderMade;
  const stop = stopSignal(log);
  await using box = new CloseStack();
  const alarms = new Alarms({ clock, log });
  const parts: Box = {
    config,
    configurations: () => configurations,
    relay: () => appliance?.relay,
    store: () => appliance?.store,
    updates: () => updates,
    alarms,
  };
  const facts = { appliance: () => appliance, panel: () => panel, logRing, dataDir, clock, log };
  const operations = operationsOf(parts, facts);
  const operator = box.use(new OperatorConsole({ box: parts, operations, clock, log }));
  box.use(
    await openControl(
      dataDir,
      { commands: controlCommands(operations), streams: operator.streams },
      log,
      clock,
    ),
  );
  const folder = join(dataDir, 'config');
  configurations = await Configurations.open({ file: configFile, folder, consolePort, clock, log, alarms });
  appliance = box.use(
    await Appliance.open({ dataDir, openHal: openLinuxHal, clock, log, alarms }, configurations.config),
  );
  box.use(configurations);
  configurations.follow(appliance);
  updates = new Updates({ rootVerbs: appliance.hal.rootVerbs, folder: dataDir, version: weirVersion });
  box.use(new HealthKeeping(appliance, { dataDir, updates, alarms, clock, log }));
  operator.openSerial(appliance.hal.serialPorts, consolePort);
  const relaying = () => appliance?.relay !== undefined;
  const announce = (text: string) => operator.announce(text);
  const system = () => config().system;
  panel = box.use(
    new FrontPanel({ hal: appliance.hal, config: system, relaying, updates, announce, alarms, clock, log }),
  );
  configurations.changed.on(() => {
    operator.reconfigure();
    panel?.configure();
  });
  await stop;
  await box.close();
  log.info('stopped');
}

/**
 * Ends at once. At an exit Node would close the database behind the back of its store, and with it remove the write-ahead log: at the
 * next start that is what the loss of a log looks like.
 */
const die = (): void => void process.kill(process.pid, 'SIGKILL');

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
        die();
      }, endMs).unref();
      resolve();
    };
    process.on('SIGTERM', stop).on('SIGINT', stop);
  });
}
