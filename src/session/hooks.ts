/** Answers the session monitor needs from stages that come later; `relay.ts` hands the implementations in. */
import type { Endpoint } from '#hal';
import type { ViewerSummary } from './viewer.ts';

/** Facts of a viewer's session that never change. */
export interface ViewerFacts {
  readonly sessionId: string;
  readonly protocol: string;
  readonly url: string;
  readonly origin: Endpoint;
  readonly viewer: Endpoint;
  readonly startedAt: number;
  readonly startedMonoNs: bigint;
}

/** `not-now`: it may well be admitted in a while. */
export type Admitted =
  | { readonly admitted: true }
  | { readonly admitted: false; readonly why: 'not-admitted' | 'not-now'; readonly text: string };

/** May this viewer join? Asked before anything is promised to it. A text refuses it and says why. */
export interface Admission {
  admit(facts: ViewerFacts): Promise<Admitted>;
}

/** Awaited before the first media packet leaves, once per session: its transport is known by then. Rejecting ends the session. */
export interface SessionStart {
  started(viewer: ViewerSummary): Promise<void>;
}

/** Awaited, at most 2 s, before the upstream session is torn down. */
export interface Farewell {
  beforeTeardown(feed: { readonly url: string; readonly origin: Endpoint }): Promise<void>;
}

export interface SessionHooks {
  readonly admission: Admission;
  readonly sessionStart: SessionStart;
  readonly farewell: Farewell;
}

/** Everybody is welcome, nothing is awaited: a box without billing. */
export const openHooks: SessionHooks = {
  admission: { admit: async () => ({ admitted: true }) },
  sessionStart: { started: async () => {} },
  farewell: { beforeTeardown: async () => {} },
};
