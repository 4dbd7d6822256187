import { CloseStack, silentLog, systemClock } from '#base';
import type { Datapath, InterceptionPlan, TcpListener } from '#hal';
import { openDatapath } from '../../hal/datapath/datapath.ts';
import { LinuxForwarding } from '../../hal/linux/forwarding.ts';
import { LinuxInterception } from '../../hal/linux/interception.ts';
import { Nft } from '../../hal/linux/nft.ts';
import { Rtnetlink } from '../../hal/linux/rtnetlink.ts';
import { openSimHal } from '../../hal/sim/sim-hal.ts';
import { HandClock } from '../unit/session/scripted.ts';
import type { InterceptionWorld, Met, Part } from './interception.contract.ts';
import { boxOnAccess, ip, NetworkWorld, originAt } from './network-world.ts';
import { nft } from './nft-program.ts';

/** What nobody answers takes this long to find out. */
const SILENCE_MS = 400;
const CHECK_PERIOD_MS = 200;

const plan: InterceptionPlan = {
  accessDevice: 'lan0',
  wanDevice: 'wan0',
  ports: [554, 8554],
  listenPortV4: 18_554,
  listenPortV6: 18_556,
  whenDown: 'open',
};

export async function simInterceptionWorld(): Promise<InterceptionWorld> {
  const clock = new HandClock();
  const hal = await openSimHal({ clock });
  const { interception } = hal;
  let current = interception;
  const own: readonly string[] = Object.values(boxOnAccess);
  return {
    interception,
    plan,
    origin: originAt,
    box: boxOnAccess,
    dial: async (address, port): Promise<Met> => {
      if (own.includes(address)) return { at: 'nothing' };
      const at = current.dial(address, port);
      return at === 'weir' ? { at, local: `${address} ${port}` } : { at };
    },
    reopen: async () => {
      current = (await openSimHal({ clock })).interception;
      return current;
    },
    killListeners: async () => {
      interception.listening = false;
    },
    takeAway: async (part) => {
      interception.tamper(part);
      await clock.pass(100);
    },
    pass: (ms) => clock.pass(ms),
    [Symbol.asyncDispose]: () => hal.close(),
  };
}

/** The real interception and what is around it, for tests that need more than the contract. */
export interface RealInterceptionWorld extends InterceptionWorld {
  readonly interception: LinuxInterception;
  readonly network: NetworkWorld;
  readonly datapath: Datapath;
  readonly forwarding: LinuxForwarding;
  reopen(): Promise<LinuxInterception>;
}

export async function realInterceptionWorld(): Promise<RealInterceptionWorld> {
  const owned = new CloseStack();
  try {
    const network = await NetworkWorld.make();
    owned.defer(() => network[Symbol.asyncDispose]());
    for (const address of Object.values(originAt)) {
      for (const port of plan.ports) await network.origin.call('serve', address, port, 'origin');
    }
    const rtnetlink = owned.use(await Rtnetlink.open({ log: silentLog, clock: systemClock }));
    const program = new Nft();
    const forwarding = new LinuxForwarding({ nft: program, log: silentLog });
    await forwarding.apply({ wanDevice: 'wan0', accessDevice: 'lan0', masquerade: false });
    owned.defer(() => nft('flush ruleset'));
    const open = () =>
      owned.use(
        new LinuxInterception({
          nft: program,
          network: rtnetlink,
          clock: systemClock,
          log: silentLog,
          checkPeriodMs: CHECK_PERIOD_MS,
        }),
      );
    const datapath = owned.use(openDatapath({ realtime: false, log: silentLog }));
    const listeners = [
      await greet(datapath, '127.0.0.1', plan.listenPortV4),
      await greet(datapath, '::1', plan.listenPortV6),
    ];
    return {
      interception: open(),
      plan,
      origin: originAt,
      box: boxOnAccess,
      network,
      datapath,
      forwarding,
      dial: async (address, port) => met(await network.viewer.call('dial', address, port, SILENCE_MS)),
      reopen: async () => open(),
      killListeners: async () => {
        await Promise.all(listeners.map((listener) => listener.close()));
      },
      takeAway,
      pass: (ms) => systemClock.sleep(ms),
      [Symbol.asyncDispose]: () => owned.close(),
    };
  } catch (error) {
    await owned.close();
    throw error;
  }
}

/** Says to whoever comes: `weir LOCAL-ADDRESS PORT`; then repeats what it hears, and hangs up after `bye`. */
async function greet(datapath: Datapath, address: string, port: number): Promise<TcpListener> {
  const listener = await datapath.listen({ local: { address, port }, transparent: true });
  listener.accepted.on(({ stream, local }) => {
    stream.on('error', () => {});
    stream.write(`weir ${local.address} ${local.port}\n`);
    stream.on('data', (chunk: Buffer) => {
      if (chunk.toString() === 'bye\n') stream.end();
      else stream.write(chunk);
    });
  });
  return listener;
}

function met(outcome: { greeting: string } | { error: string }): Met {
  if ('error' in outcome) return { at: 'nothing' };
  const [at, ...local] = outcome.greeting.split(' ');
  return at === 'weir' ? { at, local: local.join(' ') } : { at: 'origin' };
}

async function takeAway(part: Part): Promise<void> {
  switch (part) {
    case 'table':
      return nft('delete table inet weir');
    case 'one rule':
      return nft('flush chain inet weir dial');
    case 'policy rules':
      for (const family of ['', '-6 ']) ip(`${family}rule del priority 554`);
      return;
    case 'local routes':
      for (const family of ['', '-6 ']) ip(`${family}route flush table 554`);
      return;
  }
}
