export { rtspAccessMethod } from './access-method.ts';
export { RtspFront, type RtspFrontLimits, type RtspFrontParts, ServerPorts } from './front/index.ts';
export type { OriginCredentials } from './origin/own-signature.ts';
export { type OriginSessionOptions, RtspOriginSession } from './origin/rtsp-origin-session.ts';
