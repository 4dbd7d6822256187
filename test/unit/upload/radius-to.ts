import { type Clock, silentLog as log, systemClock } from '#base';
import { RadiusDestination, type RadiusPresence } from '../../../src/upload/radius/radius-destination.ts';
import type { RadiusLink } from '../../../src/upload/radius/radius-link.ts';
import { RadiusServers } from '../../../src/upload/radius/radius-servers.ts';

/** A RADIUS receiver with these servers, as a box has it whose clock is right, unless told otherwise. */
export function radiusTo(
  links: readonly RadiusLink[],
  options: {
    clock?: Clock;
    bootEpoch?: number;
    clockTrusted?: () => boolean;
    presence?: RadiusPresence;
  } = {},
): RadiusDestination {
  const { clock = systemClock, bootEpoch = 4, clockTrusted = () => true } = options;
  return new RadiusDestination({
    name: 'radius:lab',
    nas: { deviceId: 'weir-0123456789abcdef', vendorId: 32_473 },
    bootEpoch,
    clockTrusted,
    presence: options.presence ?? { announced: false },
    servers: new RadiusServers({ links, clock, log }),
    clock,
    log,
  });
}
