import { type Alarms, type Clock, type Closeable, CloseStack, type Log, Signal, WeirError } from '#base';
import type { Endpoint, Hal, TcpListener } from '#hal';
import type { Store } from '#storage';
import { parseConfig } from './config/index.ts';
import { RtspViewer, type Source, startSource } from './demo/index.ts';
import { Feed } from './feed/index.ts';
import { RtspFront, RtspOriginSession, ServerPorts } from './protocol/index.ts';
import { RecordKeeping } from './record-keeping.ts';
import { SessionMonitor } from './session/index.ts';

const address = '127.0.0.1';
const pollMs = 100;
/** More than a group of pictures, so that it was not luck. */
const wantedPackets = 20;

/** Whatever the operator configured: the test is the same everywhere. */
const config = parseConfig({
  interfaces: { wan: { device: 'none' }, access: { device: 'neither' } },
  upload: { originNotices: false },
});

/**
 * A relay as small as it can be, wired like the real one, for a source and viewers on this machine. Its listener is not
 * intercepted: who the origin is, it knows.
 */
export class LoopbackRelay implements Closeable {
  readonly #parts: CloseStack;
  readonly #clock: Clock;
  readonly #records: RecordKeeping;
  readonly #source: Source;
  readonly #listener: TcpListener;
  readonly #patienceMs: number;

  private constructor(
    made: { parts: CloseStack; records: RecordKeeping; source: Source; listener: TcpListener },
    { clock, patienceMs }: { clock: Clock; patienceMs: number },
  ) {
    this.#parts = made.parts;
    this.#records = made.records;
    this.#source = made.source;
    this.#listener = made.listener;
    this.#clock = clock;
    this.#patienceMs = patienceMs;
  }

  static async open(options: {
    hal: Hal;
    store: Store;
    patienceMs: number;
    alarms: Alarms;
    clock: Clock;
    log: Log;
  }): Promise<LoopbackRelay> {
    const { hal, store, patienceMs, alarms, clock, log } = options;
    const { datapath } = hal;
    const parts = new CloseStack();
    try {
      const source = parts.use(await startSource({ address, port: 0, framesPerSecond: 10, groupSeconds: 1 }));
      const origin: Endpoint = { address, port: source.port };
      const records: RecordKeeping = new RecordKeeping({
        store: { now: store, opened: new Signal(() => {}) },
        hal,
        config: () => config,
        monitor: () => monitor,
        alarms,
        clock,
        log,
      });
      const { rtsp, openTimeoutSeconds, ringBytes, ringSeconds } = config.relay;
      const openSession = (url: string) =>
        new RtspOriginSession({
          datapath,
          clock,
          log,
          origin,
          url,
          limits: rtsp,
          timeoutMs: openTimeoutSeconds * 1000,
          transport: 'auto',
          credentials: undefined,
        });
      const monitor: SessionMonitor = new SessionMonitor({
        clock,
        log,
        hooks: records.hooks,
        openFeed: (feed) =>
          Feed.open({
            ...feed,
            datapath,
            clock,
            log,
            openSession: () => openSession(feed.url),
            times: () => ({ silenceMs: patienceMs, patienceMs: 0 }),
            ringBytes,
            ringMs: ringSeconds * 1000,
            catchUp: { maxMs: 1000, maxBytes: ringBytes },
          }),
        openOriginSession: (_origin, url) => openSession(url),
        limits: () => ({
          maxFeeds: 2,
          maxFeedsPerAddress: 2,
          maxViewers: 2,
          lingerMs: 0,
          patienceMs,
          sessionTimeoutMs: patienceMs,
          slowViewerMs: patienceMs,
        }),
      });
      const front = new RtspFront({
        datapath,
        monitor,
        serverPorts: new ServerPorts(datapath),
        clock,
        log,
        limits: () => ({ ...rtsp, firstRequestMs: patienceMs, idleMs: patienceMs }),
      });
      const listener = await datapath.listen({ local: { address, port: 0 }, transparent: false });
      listener.accepted.on((connection) => void front.serve(connection, new Uint8Array()));
      records.attach(monitor);
      // The other way round at the end, as with the real one: connections stand until the last record is made.
      parts.use(front);
      parts.use(records);
      parts.use(monitor);
      parts.use(listener);
      return new LoopbackRelay({ parts, records, source, listener }, { clock, patienceMs });
    } catch (error) {
      await parts.close();
      throw error;
    }
  }

  /**
   * Watches until enough came, leaves, and waits until the record of it is committed. Returns how many packets came.
   *
   * @throws {WeirError} SELF_TEST_FAILED
   */
  async watch(transport: 'udp' | 'tcp'): Promise<number> {
    const { port } = this.#listener.local;
    const url = `rtsp://${address}:${port}${new URL(this.#source.url).pathname}`;
    const viewer = await RtspViewer.play({ url, host: address, port, transport, localAddress: address });
    try {
      const giveUpAtMonoNs = this.#clock.monoNs() + BigInt(this.#patienceMs) * 1_000_000n;
      while (viewer.packets < wantedPackets) {
        if (this.#clock.monoNs() >= giveUpAtMonoNs) throw tooFew(viewer.packets, transport);
        await this.#clock.sleep(pollMs);
      }
    } finally {
      await viewer.close();
    }
    await this.#records.billing?.settled();
    return viewer.packets;
  }

  close(): Promise<void> {
    return this.#parts.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const tooFew = (packets: number, transport: string): WeirError =>
  new WeirError('SELF_TEST_FAILED', 'the stream of the self-test is not relayed', {
    fields: { transport, packets, wantedPackets },
  });
