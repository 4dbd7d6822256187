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
