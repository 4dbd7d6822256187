/** What the stages of the relay are told, in their units, out of a configuration. */
import type { Config } from './tree.ts';

export function ringSizeOf({ relay }: Config) {
  return { ringBytes: relay.ringBytes, ringMs: relay.ringSeconds * 1000 };
}

export function feedTimesOf({ relay }: Config) {
  return { silenceMs: relay.silenceSeconds * 1000, patienceMs: relay.patienceSeconds * 1000 };
}

export function monitorLimitsOf({ relay }: Config) {
  const { maxFeeds, maxFeedsPerAddress, maxViewers } = relay;
  return {
    maxFeeds,
    maxFeedsPerAddress,
    maxViewers,
    lingerMs: relay.lingerSeconds * 1000,
    patienceMs: relay.openTimeoutSeconds * 1000,
    sessionTimeoutMs: relay.rtsp.sessionTimeoutSeconds * 1000,
    slowViewerMs: relay.slowViewerSeconds * 1000,
  };
}

export function frontLimitsOf({ relay: { rtsp } }: Config) {
  return { ...rtsp, firstRequestMs: rtsp.firstRequestSeconds * 1000, idleMs: rtsp.idleSeconds * 1000 };
}

export function nicConfigsOf({ interfaces: { wan, access } }: Config) {
  return {
    wan: { ...wan, routes: wan.routes.flatMap(wholeRoute) },
    access: { ...access, routes: access.routes.flatMap(wholeRoute) },
  };
}

/** The configuration has been checked: both are there. */
const wholeRoute = ({ prefix, via }: Config['interfaces']['wan']['routes'][number]) =>
  prefix === undefined || via === undefined ? [] : [{ prefix, via }];
