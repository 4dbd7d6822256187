import type { Closeable, Log } from '#base';
import type { Board } from './board.ts';
import type { Buttons } from './buttons.ts';
import type { Datapath } from './datapath/face.ts';
import type { Forwarding, Interception } from './interception.ts';
import type { Leds } from './leds.ts';
import type { Nics } from './nics.ts';
import type { Probes } from './probes.ts';
import type { Resolver } from './resolver.ts';
import type { RootVerbs } from './root-verbs.ts';
import type { SerialPorts } from './serial-port.ts';
import type { Supervisor } from './supervisor.ts';

/** Everything Weir asks of the machine. `openLinuxHal` is the real one, `openSimHal` the one for unit tests. */
export interface Hal extends Closeable {
  readonly nics: Nics;
  readonly resolver: Resolver;
  readonly forwarding: Forwarding;
  readonly interception: Interception;
  readonly datapath: Datapath;
  readonly board: Board;
  readonly leds: Leds;
  readonly buttons: Buttons;
  readonly serialPorts: SerialPorts;
  readonly supervisor: Supervisor;
  readonly rootVerbs: RootVerbs;
  readonly probes: Probes;
}

export interface HalOptions {
  readonly log: Log;
  /** Run the engine threads under SCHED_FIFO when the rights are there. */
  readonly realtime: boolean;
  /** Engine threads that feeds are spread over. */
  readonly engineThreads: number;
  /** The kernel may clone what goes to many viewers. */
  readonly cloning: boolean;
}
