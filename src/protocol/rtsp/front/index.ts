export type { RtspFrontLimits, RtspFrontParts } from './rtsp-connection.ts';
export { RtspFront } from './rtsp-front.ts';
export { ServerPorts } from './server-ports.ts';
