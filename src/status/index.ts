export { askControl } from './control-client.ts';
export { askDaemon, openControl, openDaemonStream } from './control-place.ts';
export { type ControlCommands, ControlServer, type ControlStreams } from './control-server.ts';
export { ControlStream } from './control-stream.ts';
