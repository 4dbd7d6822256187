import { formatTransport, type TransportSpec } from '../wire/index.ts';

/** The transport agreed for one track of a viewer, before server ports are known. */
export type ChosenTransport =
  | { readonly lower: 'udp'; readonly spec: TransportSpec; readonly clientPort: readonly [number, number] }
  | { readonly lower: 'tcp'; readonly spec: TransportSpec; readonly channels: readonly [number, number] };

/**
 * The first alternative that can be served (RFC 2326 s.12.39), or undefined (461). Media goes only to the address the
 * viewer speaks from: a `destination` elsewhere could turn the box against a third party (s.16).
 *
 * @param nextChannels channels for an interleaved alternative that names none
 * @param taken channels of other tracks on the same connection
 */
export function chooseTransport(
  specs: readonly TransportSpec[],
  viewer: {
    readonly viewerAddress: string;
    readonly nextChannels: number;
    readonly taken: ReadonlySet<number>;
  },
): ChosenTransport | undefined {
  for (const spec of specs) {
    if (spec.profile !== 'RTP/AVP' || spec.cast !== 'unicast') continue;
    if (spec.mode !== undefined && spec.mode !== 'PLAY') continue;
    if (spec.destination && spec.destination !== viewer.viewerAddress) continue;
    if (spec.lower === 'TCP') {
      const channels = spec.interleaved ?? ([viewer.nextChannels, viewer.nextChannels + 1] as const);
      const free =
        channels.every((channel) => channel <= 255 && !viewer.taken.has(channel)) &&
        channels[0] !== channels[1];
      if (free) return { lower: 'tcp', spec, channels };
    } else if (spec.clientPort !== undefined && spec.clientPort[0] > 0) {
      return { lower: 'udp', spec, clientPort: spec.clientPort };
    }
  }
  return undefined;
}

/** The Transport header of the answer to SETUP. */
export function agreedTransport(
  chosen: ChosenTransport,
  serverPort: readonly [number, number] | undefined,
): string {
  const { profile } = chosen.spec;
  return formatTransport(
    chosen.lower === 'udp'
      ? {
          profile,
          lower: 'UDP',
          cast: 'unicast',
          clientPort: chosen.clientPort,
          ...(serverPort && { serverPort }),
          mode: 'PLAY',
          unknown: [],
        }
      : { profile, lower: 'TCP', cast: 'unicast', interleaved: chosen.channels, mode: 'PLAY', unknown: [] },
  );
}
