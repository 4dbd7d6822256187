import { createRequire } from 'node:module';
import { join } from 'node:path';
import { WeirError } from '#base';
import type { Endpoint, FeedOptions, TrackStart } from './face.ts';

/** First argument of the handler; same order as `Notice` in native/napi-edge.h. */
export const noticeKinds = [
  'completed',
  'accepted',
  'message',
  'connectionEnded',
  'spliceEnded',
  'bye',
  'refused',
] as const;

/** Why a command was not carried out; `code` as `name(Code)` in native/result.h. */
export interface Failure {
  readonly code:
    | 'bad-argument'
    | 'dead-handle'
    | 'wrong-state'
    | 'limit-reached'
    | 'system'
    | 'timed-out'
    | 'stopped';
  readonly errno: number;
  /** The argument or the system call. */
  readonly what: string;
}

/** `completed`: request, failure, value. Others: handle of an object and two facts. */
export type Handler = (notice: number, subject: number, a: unknown, b: unknown) => void;

/** Where a track comes from or goes to, by handles. */
export type NativeTrack =
  | { track: number; connection: number; rtpChannel: number; rtcpChannel: number }
  | { track: number; pair: number; rtpSource: Endpoint; rtcpSource: Endpoint }
  | { track: number; pair: number; rtpTarget: Endpoint; rtcpTarget: Endpoint };

/** A pair or a connection between two engines: `release…` gives it, `take…` takes it, once. */
export type Parcel = object;

type Command<Options> = (request: number, options: Options) => void;
type OnHandle = Command<{ id: number }>;

/** The commands of native/engine.h. All answers come to the handler; what is given wrong throws at once. */
export interface NativeEngine {
  listen: Command<{ local: Endpoint; transparent: boolean; backlog: number }>;
  closeListener: OnHandle;
  connect: Command<{ remote: Endpoint; local?: Endpoint; transparent: boolean; timeoutMs: number }>;
  adopt: Command<{
    fd: number;
    unread: Uint8Array;
    maxHeaderBytes: number;
    maxBodyBytes: number;
    userTimeoutMs: number;
    slot: number;
  }>;
  /** One message of so many bytes. Answered by nothing, as `sendText`. */
  consumed: Command<{ id: number; bytes: number }>;
  sendText: Command<{ id: number; text: Uint8Array }>;
  /** Answered by nothing. */
  takeFrame: Command<{ id: number; channel: number; bytes: Uint8Array }>;
  closeConnection: OnHandle;
  /** What nobody uses can go to another engine; its handle is dead then. */
  releaseConnection: OnHandle;
  takeConnection: Command<{ parcel: Parcel; slot: number }>;
  splice: Command<{ a: number; b: number; toA: Uint8Array; toB: Uint8Array; slot: number }>;
  closeSplice: OnHandle;
  openPair: Command<{ address: string; transparent: boolean; rtpPort?: number }>;
  closePair: OnHandle;
  releasePair: OnHandle;
  takePair: Command<{ parcel: Parcel }>;
  createFeed: Command<FeedOptions & { slot: number }>;
  receive: Command<{ id: number; tracks: readonly NativeTrack[]; resume: boolean }>;
  closeFeed: OnHandle;
  addViewer: Command<{ id: number; tracks: readonly NativeTrack[]; startWaitMs: number; slot: number }>;
  play: OnHandle;
  pause: OnHandle;
  seekToStart: Command<{ id: number; startWaitMs: number }>;
  closeViewer: Command<{ id: number; bye: boolean }>;
  /** An interface index; 0: none. */
  cloneAt: Command<{ device: number }>;
  ping: Command<undefined>;
  /** Whether the engine keeps the process alive. Answered by nothing. */
  keepAlive: Command<{ alive: boolean }>;
  cpuNs(request: number): bigint;
  realtime(request: number): boolean;
  cloning(request: number): CloningFacts;
  /** Joins the engine's thread; nothing comes to the handler any more. */
  close(request: number): void;
}

export interface CloningFacts {
  /** The program is at a NIC. */
  readonly attached: boolean;
  readonly packets: bigint;
  /** Why the program could not be loaded; `verifier`: its last words, where it was that. */
  readonly refused: { readonly what: string; readonly errno: number; readonly verifier: string } | undefined;
}

/** What requests are answered with. */
export interface Answers {
  listen: { id: number; local: Endpoint };
  connect: { fd: number; local: Endpoint; remote: Endpoint };
  openPair: { id: number; rtp: Endpoint; rtcp: Endpoint };
  addViewer: { id: number; starts: readonly TrackStart[] };
}

export interface Addon {
  readonly Engine: new (options: {
    counters: BigUint64Array;
    handler: Handler;
    realtimePriority: number;
    /** At most 15 characters are shown. */
    threadName: string;
    /** Load the program by which the kernel clones what goes to many. */
    cloning: boolean;
  }) => NativeEngine;
  /** A second descriptor of the same open connection, or -errno. */
  dup(fd: number): number;
  closeDescriptor(fd: number): void;
}

export const addonFile = join(import.meta.dirname, 'build', 'weir-datapath.node');

/** Loads the addon that `npm run prestart` builds. */
export function loadAddon(file = addonFile): Addon {
  try {
    return createRequire(import.meta.url)(file) as Addon;
  } catch (cause) {
    throw new WeirError('DATAPATH_NOT_BUILT', 'the native datapath is not built', {
      fields: { file },
      advice: 'npm run prestart',
      cause,
    });
  }
}
