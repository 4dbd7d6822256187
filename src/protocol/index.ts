export type { AccessMethod, Recognition } from './access-method.ts';
export { Intake, type IntakeLimits, type Serve } from './intake.ts';
export type { Caller, Monitor, Target, ViewerSession } from './monitor.ts';
export type { OpenOriginSession, OriginSession, Presentation, Proof, TrackFacts } from './origin-session.ts';
export { done, type OriginAnswer, type Outcome, type Refusal, refused } from './outcome.ts';
export { PassThrough } from './pass-through.ts';
export { canDecode, sameParameterSets } from './payload-format.ts';
export { accessMethods, isLive } from './registry.ts';
export {
  type OriginCredentials,
  type OriginSessionOptions,
  RtspFront,
  type RtspFrontLimits,
  type RtspFrontParts,
  RtspOriginSession,
  ServerPorts,
} from './rtsp/index.ts';
/** The codec, for the origin that ships with the demo. */
export * as rtspWire from './rtsp/wire/index.ts';
export { TerminateCause } from './terminate-cause.ts';
