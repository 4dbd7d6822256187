import { type Clock, CloseStack, systemClock } from '#base';
import type { Hal } from '../hal.ts';
import { SimBoard } from './board.ts';
import { SimButtons } from './buttons.ts';
import { SimDatapath } from './datapath.ts';
import { SimForwarding, SimInterception } from './interception.ts';
import { SimLeds } from './leds.ts';
import { type SimNicSpec, SimNics } from './nics.ts';
import { SimProbes } from './probes.ts';
import { SimResolver } from './resolver.ts';
import { SimRootVerbs } from './root-verbs.ts';
import { SimSerialPorts } from './serial-ports.ts';
import { SimSupervisor } from './supervisor.ts';

/** A machine in memory; the parts' own methods are the world around it, and its faults. */
export interface SimHal extends Hal {
  readonly nics: SimNics;
  readonly resolver: SimResolver;
  readonly forwarding: SimForwarding;
  readonly interception: SimInterception;
  readonly datapath: SimDatapath;
  readonly board: SimBoard;
  readonly leds: SimLeds;
  readonly buttons: SimButtons;
  readonly serialPorts: SimSerialPorts;
  readonly supervisor: SimSupervisor;
  readonly rootVerbs: SimRootVerbs;
  readonly probes: SimProbes;
}

/** Without `nics` it has `wan0` and `lan0`, with a cable each and an address of each family. */
export async function openSimHal(
  options: { clock?: Clock; nics?: readonly SimNicSpec[] } = {},
): Promise<SimHal> {
  const owned = new CloseStack();
  const clock = options.clock ?? systemClock;
  const nics = owned.use(new SimNics(options.nics ?? twoNics));
  return {
    nics,
    resolver: new SimResolver(),
    interception: owned.use(new SimInterception(clock)),
    datapath: owned.use(new SimDatapath({ clock })),
    forwarding: new SimForwarding((device) => nics.has(device)),
    board: new SimBoard(),
    leds: new SimLeds(),
    buttons: new SimButtons(),
    serialPorts: new SimSerialPorts(),
    supervisor: new SimSupervisor(),
    rootVerbs: new SimRootVerbs(),
    probes: new SimProbes(),
    close: () => owned.close(),
    [Symbol.asyncDispose]: () => owned.close(),
  };
}

const twoNics: readonly SimNicSpec[] = [
  {
    device: 'wan0',
    mac: '02:00:00:00:00:01',
    path: '/devices/pci0000:00/0000:00:01.0/net/wan0',
    addresses: ['203.0.113.1/24', '2001:db8:1::1/64'],
  },
  {
    device: 'lan0',
    mac: '02:00:00:00:00:02',
    path: '/devices/pci0000:00/0000:00:02.0/net/lan0',
    addresses: ['198.51.100.1/24', '2001:db8:2::1/64'],
  },
];
