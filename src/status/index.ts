export { askControl } from './control-client.ts';
export { type ControlCommands, ControlServer } from './control-server.ts';
export {
  endpointText,
  type FeedStatus,
  feedStatus,
  type NicStatus,
  nicStatus,
  type RelayStatus,
  type ViewerStatus,
  viewerStatus,
} from './relay-status.ts';
