import { CloseStack, systemClock } from '#base';
import { openDatapath } from '../datapath/datapath.ts';
import type { Hal, HalOptions } from '../hal.ts';
import { ArpProgram, ArpVerb } from './arp-probe.ts';
import { LinuxBoard } from './board.ts';
import { LinuxButtons } from './buttons.ts';
import { DhcpClients, leaseFolder } from './dhcp-clients.ts';
import { DhcpProcesses, DhcpUnits } from './dhcp-runner.ts';
import { DuplicateWatch } from './duplicate-watch.ts';
import { LinuxForwarding } from './forwarding.ts';
import { LinuxInterception } from './interception.ts';
import { LinuxLeds } from './leds.ts';
import { Nft } from './nft.ts';
import { LinuxNics } from './nics.ts';
import { LinuxProbes } from './probes.ts';
import { LinuxResolver, resolvConf } from './resolver.ts';
import { LinuxRootVerbs } from './root-verbs.ts';
import { Rtnetlink } from './rtnetlink.ts';
import { WEIR_TABLE } from './ruleset.ts';
import { LinuxSerialPorts } from './serial-ports.ts';
import { supervisorOfProcess } from './supervisor.ts';
import { openSyscalls } from './syscalls.ts';

/**
 * The machine as it is, in the network namespace of the process. One at a time in a process: each holds two netlink
 * sockets, and each of those a thread of libuv's pool.
 */
export async function openLinuxHal({ log, realtime, engineThreads, cloning }: HalOptions): Promise<Hal> {
  const owned = new CloseStack();
  const clock = systemClock;
  try {
    const { clockSynchronised, sendDatagram } = await openSyscalls();
    const network = owned.use(await Rtnetlink.open({ log, clock }));
    const nft = new Nft();
    // Asked before anything is changed: without nft, or without the rights, nothing shall be half-installed.
    await nft.describeTable('inet', WEIR_TABLE);
    const rootVerbs = new LinuxRootVerbs();
    const runner = rootVerbs.has('dhcp')
      ? new DhcpUnits(rootVerbs)
      : new DhcpProcesses({ folder: leaseFolder, program: 'dhcpcd', clock });
    const resolver = new LinuxResolver({ file: resolvConf, log });
    const dhcp = owned.use(new DhcpClients({ runner, folder: leaseFolder, resolver, clock, log }));
    await dhcp.open();
    const probe = rootVerbs.has('arp-probe') ? new ArpVerb(rootVerbs) : new ArpProgram();
    const duplicates = owned.use(new DuplicateWatch({ probe, clock, log }));
    const nics = owned.use(await LinuxNics.open({ network, dhcp, duplicates, log }));
    const interception = owned.use(new LinuxInterception({ nft, network, clock, log }));
    const datapath = owned.use(openDatapath({ realtime, log, threads: engineThreads, cloning }));
    return {
      nics,
      resolver,
      forwarding: new LinuxForwarding({ nft, log }),
      interception,
      datapath,
      board: new LinuxBoard({ clockSynchronised }),
      leds: new LinuxLeds({ rootVerbs }),
      buttons: new LinuxButtons({ log }),
      serialPorts: new LinuxSerialPorts({ rootVerbs }),
      supervisor: supervisorOfProcess(sendDatagram),
      rootVerbs,
      probes: new LinuxProbes(),
      close: () => owned.close(),
      [Symbol.asyncDispose]: () => owned.close(),
    };
  } catch (error) {
    await owned.close();
    throw error;
  }
}
