import {
  Alarms,
  type Clock,
  type Closeable,
  CloseStack,
  describeError,
  type Log,
  Turn,
  weirVersion,
} from '#base';
import { type Endpoint, type Hal, type Nic, nicRoles, type TcpConnection, type TcpListener } from '#hal';
import type { BillingManager } from './billing/index.ts';
import {
  applyStages,
  type Config,
  catchUpOf,
  feedTimesOf,
  frontLimitsOf,
  monitorLimitsOf,
  nicConfigsOf,
  originEntry,
  PlannedStage,
  ringSizeOf,
  type Stage,
} from './config/index.ts';
import { Feed } from './feed/index.ts';
import { Heartbeat, LeaseWatch } from './health/index.ts';
import { fanOutStatus, feedsStatus, nicStatus, type RelayStatus, viewersStatus } from './operations/index.ts';
import { OriginBypasses } from './origin-bypasses.ts';
import {
  Intake,
  type OriginCredentials,
  PassThrough,
  RtspFront,
  RtspOriginSession,
  ServerPorts,
} from './protocol/index.ts';
import { RecordKeeping, type RecordKeepingOptions } from './record-keeping.ts';
import { openHooks, SessionMonitor } from './session/index.ts';
import type { Uploads } from './upload/index.ts';

/** An origin that comes back shall be noticed soon: one that is out of reach is not called for longer than the longest pause. */
const reconnectMs = 2000;
/** After so long a part of the box that was to follow the configuration is not waited for any more. */
const stageMs = 30_000;

export interface RelayOptions {
  readonly config: Config;
  readonly hal: Hal;
  readonly log: Log;
  readonly clock: Clock;
  /** Shared with the store, which has alarms of its own. */
  readonly alarms?: Alarms;
  /** Where sessions are recorded, now or as soon as it is open. Stays the caller's to close. */
  readonly store?: RecordKeepingOptions['store'];
}

/**
 * The running core of the box, and the only place where its stages are wired: what comes first is opened first and
 * closed last.
 */
export class Relay implements Closeable {
  readonly alarms: Alarms;
  readonly monitor: SessionMonitor;
  /** None without a store: everybody is welcome, and nothing is recorded. */
  readonly #records: RecordKeeping | undefined;
  readonly #hal: Hal;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #intake: Intake;
  readonly #rtspFront: RtspFront;
  /** The ports that media leaves from. */
  readonly serverPorts: ServerPorts;
  readonly #parts = new CloseStack();
  #listeners: { v4: TcpListener; v6: TcpListener } | undefined;
  readonly #bypasses: OriginBypasses;
  readonly #heartbeat: Heartbeat;
  #config: Config;
  readonly #stages: readonly Stage[];

  private constructor(options: RelayOptions) {
    const { config, hal, log, clock } = options;
    this.#config = config;
    this.#hal = hal;
    this.#log = log;
    this.#clock = clock;
    this.alarms = options.alarms ?? new Alarms({ clock, log });
    const { interception, datapath } = hal;
    this.#heartbeat = new Heartbeat({ interception, datapath, alarms: this.alarms, clock });
    this.#stages = this.#makeStages();
    this.#records =
      options.store &&
      new RecordKeeping({
        store: options.store,
        hal,
        config: () => this.#config,
        monitor: () => this.monitor,
        alarms: this.alarms,
        clock,
        log,
      });
    this.monitor = new SessionMonitor({
      clock,
      log,
      hooks: this.#records?.hooks ?? openHooks,
      openFeed: (feed) =>
        Feed.open({
          ...feed,
          datapath: hal.datapath,
          clock,
          log,
          openSession: () => this.#originSession(feed.origin, feed.url, reconnectMs),
          times: () => feedTimesOf(this.#config),
          ...ringSizeOf(this.#config),
          catchUp: catchUpOf(this.#config, feed.url),
        }),
      openOriginSession: (origin, url) => this.#originSession(origin, url),
      limits: () => monitorLimitsOf(this.#config),
    });
    this.#bypasses = new OriginBypasses({ interception, clock, log });
    this.serverPorts = new ServerPorts(hal.datapath);
    this.#rtspFront = new RtspFront({
      datapath: hal.datapath,
      monitor: this.monitor,
      serverPorts: this.serverPorts,
      clock,
      log,
      limits: () => frontLimitsOf(this.#config),
    });
    this.#intake = new Intake({
      clock,
      log,
      limits: () => frontLimitsOf(this.#config),
      passThrough: new PassThrough({
        datapath: hal.datapath,
        clock,
        log,
        notLive: (origin) => this.#notLive(origin),
      }),
      serve: (_method, connection, unread) => this.#rtspFront.serve(connection, unread),
    });
  }

  /** Brings the box up with `config`; when something fails, all that was done is undone and the error is thrown. */
  static async start(options: RelayOptions): Promise<Relay> {
    const { log } = options;
    const relay = new Relay(options);
    try {
      await relay.#open();
    } catch (error) {
      await relay
        .close()
        .catch((failure) => log.error('start could not be undone', { error: describeError(failure) }));
      throw error;
    }
    return relay;
  }

  async #open(): Promise<void> {
    const { datapath, interception, nics } = this.#hal;
    // The other way round at the end: nothing new comes in; viewers get their BYE and FIN, origins their TEARDOWN, while all
    // connections stand and what viewers send still reaches us; only then the rules go.
    this.#parts.use(interception);
    this.#parts.defer(() => this.#intake.close());
    this.#parts.use(this.#rtspFront);
    if (this.#records) {
      this.#parts.use(this.#records);
      this.#records.attach(this.monitor);
    }
    this.#parts.use(this.monitor);
    const listen = async (address: string) => {
      const listener = await datapath.listen({
        local: { address, port: 0 },
        transparent: true,
        backlog: 1024,
      });
      this.#parts.use(listener);
      listener.accepted.on((connection) => this.#accept(connection));
      return listener;
    };
    this.#listeners = { v4: await listen('127.0.0.1'), v6: await listen('::1') };
    this.#parts.defer(() => interception.stop());
    this.#listen(interception.repaired.on(({ what }) => this.#log.warn('interception put back', { what })));
    this.#listen(nics.changed.on((nic) => this.#watchNic(nic)));
    this.#listen(this.monitor.feedOpened.on(({ origin }) => this.#bypasses.end(origin)));
    this.#parts.use(this.#heartbeat);
    await this.apply(this.#config);
    for (const role of nicRoles) this.#watchNic(nics.get(role));
    this.#parts.use(new LeaseWatch({ nics, alarms: this.alarms, clock: this.#clock }));
  }

  get billing(): BillingManager | undefined {
    return this.#records?.billing;
  }

  get uploads(): Uploads | undefined {
    return this.#records?.uploads;
  }

  #listen(listening: Disposable): void {
    this.#parts.defer(() => listening[Symbol.dispose]());
  }

  /** The configuration in force. */
  get config(): Config {
    return this.#config;
  }

  /**
   * What of `next` this machine cannot do, though it would be tried at the next start only.
   *
   * @throws {WeirError} NIC_MISSING, NETLINK_FAILED
   */
  check(next: Config): Promise<void> {
    return this.#hal.nics.check(nicConfigsOf(next));
  }

  /** Brings the running box to another configuration; returns what brings it back. What does not differ is not touched. */
  apply(next: Config): Promise<() => Promise<void>> {
    return applyStages(this.#stages, next);
  }

  /** In the order they depend on each other. */
  #makeStages(): readonly Stage[] {
    const { nics, resolver, forwarding, interception } = this.#hal;
    return [
      new PlannedStage({
        ...this.#stage('limits'),
        planOf: (config) => config,
        apply: async (plan) => {
          this.#config = plan;
        },
      }),
      new PlannedStage({
        ...this.#stage('nics'),
        planOf: nicConfigsOf,
        apply: (plan) => nics.apply(plan),
      }),
      new PlannedStage({
        ...this.#stage('name servers'),
        planOf: ({ system }) => system.nameServers,
        apply: (plan) => resolver.apply(plan),
      }),
      new PlannedStage({
        ...this.#stage('interception'),
        planOf: ({ relay }) => ({
          ...this.#devices(),
          ports: relay.rtsp.ports,
          listenPortV4: this.#listeners?.v4.local.port ?? 0,
          listenPortV6: this.#listeners?.v6.local.port ?? 0,
          whenDown: relay.whenDown,
        }),
        apply: (plan) => interception.apply(plan),
      }),
      // Begins once. Before anything is forwarded: no viewer gets past a box that starts, whatever `whenDown` says.
      new PlannedStage({
        ...this.#stage('heartbeat'),
        planOf: () => 'beating',
        apply: () => this.#heartbeat.start(),
      }),
      new PlannedStage({
        ...this.#stage('forwarding'),
        planOf: ({ interfaces }) => ({ ...this.#devices(), masquerade: interfaces.wan.masquerade }),
        apply: (plan) => forwarding.apply(plan),
      }),
      new PlannedStage({
        ...this.#stage('upload'),
        planOf: ({ upload }) => upload,
        apply: async (plan) => this.#records?.apply(plan),
      }),
    ];
  }

  #stage(name: string): { readonly name: string; readonly turn: Turn } {
    const parts = { clock: this.#clock, alarms: this.alarms };
    return { name, turn: new Turn({ name, limitMs: stageMs, alarm: 'config.stuck', ...parts }) };
  }

  #devices(): { wanDevice: string; accessDevice: string } {
    const { nics } = this.#hal;
    return { wanDevice: nics.get('wan').device, accessDevice: nics.get('access').device };
  }

  #accept(connection: TcpConnection): void {
    this.#intake.accept(connection);
  }

  #notLive(origin: Endpoint): void {
    const { bypassSeconds } = this.#config.relay;
    if (bypassSeconds > 0 && !this.monitor.hadFeed(origin)) this.#bypasses.begin(origin, bypassSeconds);
  }

  #watchNic({ role, device, ifindex, linkUp }: Nic): void {
    if (role === 'access') void this.#hal.datapath.cloneAt(ifindex);
    if (linkUp) this.alarms.clear('nic.linkDown', role);
    else
      this.alarms.raise({
        name: 'nic.linkDown',
        subject: role,
        severity: 'critical',
        text: `${device} has no link`,
      });
  }

  #originSession(origin: Endpoint, url: string, connectMs = Infinity): RtspOriginSession {
    const { rtsp, openTimeoutSeconds } = this.#config.relay;
    const timeoutMs = openTimeoutSeconds * 1000;
    return new RtspOriginSession({
      datapath: this.#hal.datapath,
      clock: this.#clock,
      log: this.#log,
      origin,
      url,
      limits: rtsp,
      timeoutMs,
      connectTimeoutMs: Math.min(connectMs, timeoutMs),
      transport: rtsp.upstreamTransport,
      credentials: this.#credentials(origin),
    });
  }

  #credentials(origin: Endpoint): OriginCredentials | undefined {
    const known = originEntry(this.#config, origin);
    if (known?.username === undefined || known.password === undefined) return undefined;
    return { username: known.username, password: known.password };
  }

  /** What is relayed right now. */
  async status(): Promise<RelayStatus> {
    const { nics, datapath } = this.#hal;
    return {
      version: weirVersion,
      nics: await Promise.all(
        // A NIC that was pulled out has no counters; all the rest is still to be seen.
        nicRoles.map(async (role) =>
          nicStatus(nics.get(role), await nics.counters(role).catch(() => undefined)),
        ),
      ),
      connections: this.#intake.openConnections,
      engineCpuNs: String(datapath.engineCpuNs()),
      fanOut: fanOutStatus(datapath.fanOut()),
      engineThreads: datapath.engineThreads().map((thread) => ({ ...thread, cpuNs: String(thread.cpuNs) })),
      ...feedsStatus(this.monitor),
      ...viewersStatus(this.monitor, (address) => nics.macOf(address)),
      unbilledSessions: this.#records?.unbilledSessions ?? 0,
      alarms: this.alarms.standing(),
    };
  }

  close(): Promise<void> {
    return this.#parts.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
