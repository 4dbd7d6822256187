import { WeirError } from '#base';
import type { SessionMonitor } from '../session/index.ts';
import { type FeedStatus, feedStatus, type ViewerStatus, viewerStatus } from './relay-status.ts';

export interface FeedsStatus {
  readonly feeds: readonly FeedStatus[];
}

export interface ViewersStatus {
  readonly viewers: readonly ViewerStatus[];
  /** The last sessions that ended, oldest first. */
  readonly ended: readonly ViewerStatus[];
}

export const feedsStatus = (monitor: SessionMonitor): FeedsStatus => ({
  feeds: monitor.feeds().flatMap((entry) => feedStatus(entry) ?? []),
});

export function viewersStatus(
  monitor: SessionMonitor,
  macOf: (address: string) => string | undefined,
): ViewersStatus {
  return {
    viewers: monitor.viewers().map((viewer) => viewerStatus(viewer, macOf(viewer.facts.viewer.address))),
    ended: monitor.endedViewers().map((viewer) => viewerStatus(viewer, undefined)),
  };
}

/** Ends a viewer's session. @throws {WeirError} NO_SUCH_SESSION */
export async function clearViewer(
  monitor: Pick<SessionMonitor, 'kill'>,
  sessionId: string,
): Promise<{ readonly sessionId: string }> {
  if (await monitor.kill(sessionId)) return { sessionId };
  throw new WeirError('NO_SUCH_SESSION', `no viewer has the session "${sessionId}"`, {
    advice: 'show viewers tells the ids of those who watch now',
  });
}

/** What a viewer gets at present. */
export interface ViewerRate {
  readonly sessionId: string;
  readonly viewer: string;
  readonly url: string;
  readonly transport: string;
  readonly state: string;
  /** Media, since the sample before; null in the first one. */
  readonly bitsPerSecond: number | null;
  readonly packetsPerSecond: number | null;
  readonly droppedPackets: string;
}

/** Rates out of counters that are looked at again and again. */
export class ViewerRates {
  #before = new Map<
    string,
    { readonly bytes: bigint; readonly packets: bigint; readonly atMonoNs: bigint }
  >();

  sample({ viewers }: Pick<ViewersStatus, 'viewers'>, atMonoNs: bigint): readonly ViewerRate[] {
    const before = this.#before;
    this.#before = new Map(
      viewers.map(({ sessionId, txBytes, txPackets }) => [
        sessionId,
        { bytes: BigInt(txBytes), packets: BigInt(txPackets), atMonoNs },
      ]),
    );
    return viewers.map(({ sessionId, viewer, url, transport, state, droppedPackets, txBytes, txPackets }) => {
      const last = before.get(sessionId);
      const seconds = last && Number(atMonoNs - last.atMonoNs) / 1e9;
      const rate = (now: string, then: bigint) => Math.round(Number(BigInt(now) - then) / (seconds ?? 1));
      return {
        sessionId,
        viewer,
        url,
        transport,
        state,
        bitsPerSecond: last && seconds ? 8 * rate(txBytes, last.bytes) : null,
        packetsPerSecond: last && seconds ? rate(txPackets, last.packets) : null,
        droppedPackets,
      };
    });
  }
}
