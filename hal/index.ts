export type { Board, BoardFacts, BoardLoad, FlashWear } from './board.ts';
export type { Button, ButtonMatch, Buttons } from './buttons.ts';
export * from './datapath/face.ts';
export type { Hal, HalOptions } from './hal.ts';
export type { Forwarding, Interception, InterceptionPlan } from './interception.ts';
export { type LedPattern, type Leds, ledPatterns } from './leds.ts';
export { openLinuxHal } from './linux/linux-hal.ts';
export {
  type DhcpFamily,
  type Lease,
  type Nic,
  type NicAddress,
  type NicConfig,
  type NicCounters,
  type NicMatch,
  type NicPort,
  type NicRole,
  type NicRoute,
  type Nics,
  nicRoles,
  type Route,
} from './nics.ts';
export type { PingOptions, ProbeEnd, ProbeOptions, Probes, TracerouteOptions } from './probes.ts';
export type { Resolver } from './resolver.ts';
export { type RootVerb, type RootVerbs, rootVerbs, type VerbOptions } from './root-verbs.ts';
export type { PortHolder, SerialPort, SerialPortOptions, SerialPorts } from './serial-port.ts';
export type { Supervisor } from './supervisor.ts';
