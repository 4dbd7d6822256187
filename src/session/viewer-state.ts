/** The states of a viewer's session (RFC 2326 App. A.2). */
export const viewerStates = ['init', 'ready', 'playing', 'closed'] as const;
export type ViewerState = (typeof viewerStates)[number];

export const viewerEvents = ['setup', 'play', 'pause', 'teardown'] as const;
export type ViewerEvent = (typeof viewerEvents)[number];

const X = undefined;

/**
 * Where an event leads; undefined: not allowed, the viewer is told so (RTSP 455). SETUP while playing would change
 * a running transport: refused, as RFC 2326 s.10.4 allows.
 */
export const viewerStateTable: Readonly<
  Record<ViewerState, Readonly<Record<ViewerEvent, ViewerState | undefined>>>
> = {
  init: { setup: 'ready', play: X, pause: X, teardown: 'closed' },
  ready: { setup: 'ready', play: 'playing', pause: 'ready', teardown: 'closed' },
  playing: { setup: X, play: 'playing', pause: 'ready', teardown: 'closed' },
  closed: { setup: X, play: X, pause: X, teardown: X },
};

/** The state after `event`, or undefined when it is not allowed. */
export const nextViewerState = (state: ViewerState, event: ViewerEvent): ViewerState | undefined =>
  viewerStateTable[state][event];
