import { isIP } from 'node:net';
import { WeirError } from '#base';
import {
  type ConnectOptions,
  type Endpoint,
  type FeedOptions,
  type ListenOptions,
  type MessageLimits,
  startPointCodecs,
  type UdpPairOptions,
  type UpstreamTrack,
  type ViewerTrack,
} from './face.ts';

/*
 * What callers may pass to a Datapath, checked where the mistake can still be named; each throws
 * DATAPATH_BAD_ARGUMENT. The engine checks again, for its own safety.
 */

const maxTracks = 16;
const maxMs = 0xffff_ffff;
const minRingBytes = 256 * 1024;
const maxRingBytes = 512 * 1024 * 1024;

export function checkListen(options: ListenOptions): void {
  checkEndpoint('local', options.local);
  if (options.backlog !== undefined) checkNumber('backlog', options.backlog, 1, 65_535);
}

export function checkConnect(options: ConnectOptions): void {
  checkEndpoint('remote', options.remote);
  checkNumber('remote.port', options.remote.port, 1, 65_535);
  checkNumber('timeoutMs', options.timeoutMs, 1, maxMs);
  if (options.local === undefined) return;
  checkEndpoint('local', options.local);
  if (isIP(options.local.address) !== isIP(options.remote.address)) {
    throw badArgument('local.address', options.local.address);
  }
}

export function checkLimits(limits: MessageLimits): void {
  checkNumber('limits.maxHeaderBytes', limits.maxHeaderBytes, 64, 1 << 20);
  checkNumber('limits.maxBodyBytes', limits.maxBodyBytes, 0, 16 << 20);
}

export function checkUdpPair(options: UdpPairOptions): void {
  checkEndpoint('address', { address: options.address, port: 0 });
  if (options.rtpPort === undefined) return;
  checkNumber('rtpPort', options.rtpPort, 2, 65_534);
  if (options.rtpPort % 2 !== 0) throw badArgument('rtpPort', options.rtpPort);
}

export function checkFeed(options: FeedOptions): void {
  checkNumber('tracks.length', options.tracks.length, 1, maxTracks);
  checkNumber('ringBytes', options.ringBytes, minRingBytes, maxRingBytes);
  checkNumber('ringMs', options.ringMs, 1, maxMs);
  if (options.catchUp) {
    checkNumber('catchUp.maxMs', options.catchUp.maxMs, 1, maxMs);
    checkNumber('catchUp.maxBytes', options.catchUp.maxBytes, 1, maxRingBytes);
  }
  for (const track of options.tracks) {
    checkNumber('clockRateHz', track.clockRateHz, 1, maxMs);
    if (!startPointCodecs.includes(track.codec)) throw badArgument('codec', track.codec);
  }
}

export function checkUpstreamTracks(tracks: readonly UpstreamTrack[], feedTracks: number): void {
  for (const track of tracks) {
    checkNumber('track', track.track, 0, feedTracks - 1);
    if (track.transport === 'interleaved') checkChannels(track);
    else {
      checkEndpoint('rtpSource', track.rtpSource);
      checkEndpoint('rtcpSource', track.rtcpSource);
    }
  }
}

export function checkViewerTracks(tracks: readonly ViewerTrack[], feedTracks: number): void {
  checkNumber('tracks.length', tracks.length, 1, feedTracks);
  for (const track of tracks) {
    checkNumber('track', track.track, 0, feedTracks - 1);
    if (track.transport === 'interleaved') checkChannels(track);
    else {
      checkEndpoint('rtpTarget', track.rtpTarget);
      checkEndpoint('rtcpTarget', track.rtcpTarget);
    }
  }
  if (new Set(tracks.map(({ track }) => track)).size !== tracks.length)
    throw badArgument('track', 'given twice');
}

export function checkWaitMs(waitMs: number): void {
  checkNumber('startWaitMs', waitMs, 0, maxMs);
}

export function badArgument(argument: string, value: string | number): WeirError {
  return new WeirError('DATAPATH_BAD_ARGUMENT', `${argument} is not usable: ${value}`, {
    fields: { argument, value },
  });
}

function checkEndpoint(name: string, endpoint: Endpoint): void {
  if (isIP(endpoint.address) === 0 || endpoint.address.includes('%')) {
    throw badArgument(`${name}.address`, endpoint.address);
  }
  checkNumber(`${name}.port`, endpoint.port, 0, 65_535);
}

function checkChannels(track: { readonly rtpChannel: number; readonly rtcpChannel: number }): void {
  checkNumber('rtpChannel', track.rtpChannel, 0, 255);
  checkNumber('rtcpChannel', track.rtcpChannel, 0, 255);
}

function checkNumber(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) throw badArgument(name, value);
}
