export { askControl } from './control-client.ts';
export { type ControlCommands, ControlServer } from './control-server.ts';
