import type { RelayStatus } from '../operations/index.ts';

/** One look at the box, with rates since the look before. */
export interface Look {
  readonly atMonoNs: bigint;
  readonly status: RelayStatus;
}

const bar = (share: number, width: number): string => {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return '█'.repeat(full) + '·'.repeat(width - full);
};

const bitsPerSecond = (bytes: number): string => {
  const mbit = (bytes * 8) / 1e6;
  return `${mbit.toFixed(mbit < 10 ? 2 : 1).padStart(6)} Mbit/s`;
};

/** Bytes per second on both sides, and what sharing saved of the WAN. */
export function rates(before: Look, now: Look): { wanRx: number; accessTx: number; savedShare: number } {
  const seconds = Math.max(0.001, Number(now.atMonoNs - before.atMonoNs) / 1e9);
  const per = (role: string, counter: 'rxBytes' | 'txBytes') => {
    const count = ({ status }: Look) => Number(status.nics.find((nic) => nic.role === role)?.[counter] ?? 0);
    return (count(now) - count(before)) / seconds;
  };
  const wanRx = per('wan', 'rxBytes');
  const accessTx = per('access', 'txBytes');
  return { wanRx, accessTx, savedShare: accessTx > wanRx ? 1 - wanRx / accessTx : 0 };
}

/** The live table. */
export function renderTable(before: Look, now: Look): string {
  const { status } = now;
  const { wanRx, accessTx, savedShare } = rates(before, now);
  const top = Math.max(wanRx, accessTx, 1);
  const width = 32;
  const lines = [
    `Weir ${status.version}   transparent, metered relay for live streams`,
    '',
    `  origins ─▶ wan     ${bitsPerSecond(wanRx)}  ${bar(wanRx / top, width)}`,
    `  access ─▶ viewers  ${bitsPerSecond(accessTx)}  ${bar(accessTx / top, width)}`,
    `  saved by sharing   ${`${(savedShare * 100).toFixed(0)} %`.padStart(6)}`,
    '',
    `  ${'FEED'.padEnd(36)}${'ORIGIN'.padEnd(22)}${'VIEWERS'.padStart(8)}${'PACKETS IN'.padStart(13)}${'LOST'.padStart(7)}`,
    ...status.feeds.map(
      (feed) =>
        `  ${feed.url.padEnd(36)}${feed.origin.padEnd(22)}${String(feed.viewers).padStart(8)}${feed.rxPackets.padStart(13)}${feed.lostPackets.padStart(7)}`,
    ),
    ...(status.feeds.length === 0 ? ['  none: the last viewer has left, the origin is at rest'] : []),
    '',
    `  ${'VIEWER'.padEnd(18)}${'TRANSPORT'.padEnd(11)}${'STATE'.padEnd(9)}${'PACKETS'.padStart(10)}${'BYTES'.padStart(13)}`,
    ...status.viewers
      .slice(0, 8)
      .map(
        (viewer) =>
          `  ${viewer.viewer.padEnd(18)}${viewer.transport.padEnd(11)}${viewer.state.padEnd(9)}${viewer.txPackets.padStart(10)}${viewer.txBytes.padStart(13)}`,
      ),
    ...(status.viewers.length > 8 ? [`  and ${status.viewers.length - 8} more`] : []),
    '',
    `  sessions metered and ended: ${status.ended.length}     Ctrl-C ends the demo`,
  ];
  return lines.join('\n');
}

/** The same in one line, where there is no terminal to draw on. */
export function renderLine(before: Look, now: Look): string {
  const { wanRx, accessTx, savedShare } = rates(before, now);
  const { feeds, viewers, ended } = now.status;
  return [
    `feeds ${feeds.length}`,
    `viewers ${viewers.length}`,
    `wan in ${bitsPerSecond(wanRx).trim()}`,
    `access out ${bitsPerSecond(accessTx).trim()}`,
    `saved ${(savedShare * 100).toFixed(0)} %`,
    `ended ${ended.length}`,
  ].join('  ');
}
