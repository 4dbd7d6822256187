export { askControl } from './control-client.ts';
export { askDaemon, openControl } from './control-place.ts';
export { type ControlCommands, ControlServer } from './control-server.ts';
