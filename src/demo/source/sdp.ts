import { isIPv6 } from 'node:net';
import type { LiveTrack } from './live-track.ts';
import { stampExtensionId, stampExtensionUri } from './rtp/rtp-header.ts';

/** `a=control` of a track, relative to Content-Base. */
export const trackControl = (index: number): string => `track=${index}`;

/** The session description (RFC 4566; RFC 2326 s.C). */
export function describeTracks(
  tracks: readonly LiveTrack[],
  options: { readonly address: string; readonly stamped: boolean },
): string {
  const family = isIPv6(options.address) ? 'IP6' : 'IP4';
  const lines = [
    'v=0',
    `o=- 1 1 IN ${family} ${options.address}`,
    's=Weir live source',
    't=0 0',
    'a=control:*',
    // Live: it has no end (RFC 2326 s.C.1.5).
    'a=range:npt=now-',
  ];
  for (const [index, { content }] of tracks.entries()) {
    lines.push(
      `m=${content.kind} 0 RTP/AVP ${content.payloadType}`,
      `c=IN ${family} ${family === 'IP6' ? '::' : '0.0.0.0'}`,
      `b=AS:${Math.ceil(content.bitsPerSecond / 1000)}`,
      ...content.attributes.map((attribute) => `a=${attribute}`),
      ...(options.stamped ? [`a=extmap:${stampExtensionId} ${stampExtensionUri}`] : []),
      `a=control:${trackControl(index)}`,
    );
  }
  return `${lines.join('\r\n')}\r\n`;
}
