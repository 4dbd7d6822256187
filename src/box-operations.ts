/** What the console may ask of the box beside its configuration: the typed handlers, wired to the parts that are there by now. */
import { join } from 'node:path';
import { type Clock, describeError, type Log, WeirError, weirVersion } from '#base';
import type { Appliance } from './appliance.ts';
import { type Configurations, configTree, renderSetLines, secretsIn } from './config/index.ts';
import type { Operations } from './console/index.ts';
import { feedTestParts } from './feed-test.ts';
import type { FrontPanel } from './front-panel.ts';
import {
  billingStatus,
  clearViewer,
  clockStatus,
  feedsStatus,
  interfacesStatus,
  type LogRing,
  linkedInterfaces,
  outboxStatus,
  ping,
  requestSystem,
  requestUpload,
  routeStatus,
  SavedConfigurations,
  storageStatus,
  systemStatus,
  testRelay,
  told,
  traceroute,
  ViewerRates,
  versionStatus,
  viewersStatus,
  writeSupportBundle,
} from './operations/index.ts';
import type { Box } from './operator-console.ts';

/** What these need beside the parts of the box that all operations share. */
export interface BoxFacts {
  readonly appliance: () => Appliance | undefined;
  readonly panel: () => FrontPanel | undefined;
  readonly logRing: LogRing;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Log;
}

type BoxOperations = Omit<
  Operations,
  | 'relay'
  | 'alarms'
  | 'outbox'
  | 'requeue'
  | 'abandon'
  | 'updateStatus'
  | 'installUpdate'
  | 'activateUpdate'
  | 'factoryReset'
>;

const monitorMs = 1000;
const bundledLogLines = 5000;

export function boxOperations(box: Box, facts: BoxFacts): BoxOperations {
  const { clock, logRing } = facts;
  const appliance = () => facts.appliance() ?? notReady('Weir is still starting', 'try again in a moment');
  const hal = () => appliance().hal;
  const relay = () =>
    box.relay() ?? notReady('nothing is relayed yet', 'see `show alarms`, or commit a configuration');
  const store = () => box.store() ?? notReady('the records are not open (yet)', 'see `show alarms`');
  const panelStatus = async () => {
    const { led: statusLed, resetButton } = facts.panel()?.status() ?? { led: null, resetButton: null };
    return { leds: await hal().leds.list(), statusLed, resetButton };
  };
  const saved = new SavedConfigurations(join(facts.dataDir, 'config', 'saved'));
  const operations: BoxOperations = {
    savedConfigurations: () => saved.names(),
    savedConfiguration: (name) => saved.read(name),
    saveConfiguration: (name, text) => saved.save(name, text),
    version: () => versionStatus(hal().board, weirVersion),
    system: async () =>
      systemStatus({
        board: hal().board,
        resolver: hal().resolver,
        version: weirVersion,
        name: box.config().system.name,
        store: box.store(),
        panel: await panelStatus(),
      }),
    clock: () => clockStatus(hal().board, clock),
    interfaces: async () => interfacesStatus(hal().nics),
    linkedInterfaces: async () => linkedInterfaces(hal().nics, clock),
    routes: async () => routeStatus(hal().nics),
    storage: async () => storageStatus(store()),
    billing: async () =>
      billingStatus(relay().billing ?? notReady('nothing is billed yet', 'the records are not open')),
    feeds: async () => feedsStatus(relay().monitor),
    viewers: async () => viewersStatus(relay().monitor, (address) => hal().nics.macOf(address)),
    log: async (count) => ({ lines: logRing.last(count) }),
    monitorViewers: async function* (signal) {
      const rates = new ViewerRates();
      while (!signal.aborted) {
        const status = viewersStatus(relay().monitor, () => undefined);
        yield { viewers: rates.sample(status, clock.monoNs()) };
        await clock.sleep(monitorMs, signal).catch(() => {});
      }
    },
    clearViewer: async (sessionId) => clearViewer(relay().monitor, sessionId),
    ping: (wish) =>
      told((tell) =>
        ping(hal().probes, { ...wish, onLine: (line) => tell({ line }) }).then((result) => tell({ result })),
      ),
    traceroute: (wish) =>
      told((tell) =>
        traceroute(hal().probes, { ...wish, onLine: (line) => tell({ line }) }).then((result) =>
          tell({ result }),
        ),
      ),
    testRelay: (wish) =>
      told(async (tell) => {
        const { ok, url } = await testRelay(feedTestParts(relay(), clock), { ...wish, onStep: tell });
        if (!ok) throw new WeirError('TEST_FAILED', `${url} is not relayed: see the last step`);
      }),
    requestUpload: async () =>
      requestUpload(relay().uploads ?? notReady('nothing is uploaded yet', 'the records are not open')),
    requestSystem: (request) =>
      requestSystem(request, {
        rootVerbs: hal().rootVerbs,
        // Nobody waits: the answer goes out first.
        restart: () => {
          appliance()
            .restart()
            .catch((error) => facts.log.error('not restarted', { error: describeError(error) }));
        },
      }),
    identify: async () =>
      (facts.panel() ?? notReady('Weir is still starting', 'try again in a moment')).identify(),
    supportBundle: async ({ print }) => {
      const configurations = box.configurations();
      return writeSupportBundle({
        folder: facts.dataDir,
        nowMs: clock.nowMs(),
        print,
        secrets: configurations ? secretsIn(configurations.tree) : [],
        parts: {
          'system.json': () => operations.system(),
          'clock.json': () => operations.clock(),
          'interfaces.json': () => operations.interfaces(),
          'routes.json': () => operations.routes(),
          'configuration.txt': () => configurationText(configurations),
          'commits.json': () => configurations?.history(),
          'alarms.json': () => ({ standing: box.alarms.standing(), ended: box.alarms.ended() }),
          'relay.json': () => relay().status(),
          'billing.json': () => operations.billing(),
          'outbox.json': () => outboxStatus(store(), box.relay()?.uploads?.states()),
          'storage.json': () => operations.storage(),
          'process.json': () => ({ ...process.memoryUsage(), ...process.resourceUsage() }),
          'log.jsonl': () => logRing.text(bundledLogLines).join(''),
        },
      });
    },
  };
  return operations;
}

/** Without secrets. */
const configurationText = (configurations: Configurations | undefined): string =>
  configurations
    ? renderSetLines(configTree, configurations.tree)
        .map((line) => `${line}\n`)
        .join('')
    : '';

function notReady(what: string, advice: string): never {
  throw new WeirError('NOT_READY', what, { advice });
}
