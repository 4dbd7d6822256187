export type { FeedEntry } from './feed-entry.ts';
export {
  type Admission,
  type Admitted,
  type Farewell,
  openHooks,
  type SessionHooks,
  type SessionStart,
  type ViewerFacts,
} from './hooks.ts';
export { type MonitorLimits, SessionMonitor } from './session-monitor.ts';
export type { FeedViewer, OpenFeed, SharedFeed } from './shared-feed.ts';
export { Viewer, type ViewerEnd, type ViewerSummary } from './viewer.ts';
export {
  nextViewerState,
  type ViewerEvent,
  type ViewerState,
  viewerEvents,
  viewerStates,
  viewerStateTable,
} from './viewer-state.ts';
