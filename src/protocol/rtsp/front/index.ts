export { RtspConnection, type RtspFrontLimits, type RtspFrontParts } from './rtsp-connection.ts';
export { ServerPorts } from './server-ports.ts';
