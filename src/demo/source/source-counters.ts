/** What a source has done since it was started. */
export interface SourceCounters {
  connectionsAccepted: number;
  connectionsOpen: number;
  sessionsOpened: number;
  sessionsTimedOut: number;
  /** Of sessions that have ended; `Source.counters` adds those that are open. Bytes are RTP header and payload. */
  rtpPackets: number;
  rtpBytes: number;
  rtcpPacketsSent: number;
  droppedPackets: number;
  rtcpPacketsReceived: number;
  /** ICMP port unreachable. */
  refusals: number;
  /** By method, as written. */
  requests: Record<string, number>;
}

export const newCounters = (): SourceCounters => ({
  connectionsAccepted: 0,
  connectionsOpen: 0,
  sessionsOpened: 0,
  sessionsTimedOut: 0,
  rtpPackets: 0,
  rtpBytes: 0,
  rtcpPacketsSent: 0,
  droppedPackets: 0,
  rtcpPacketsReceived: 0,
  refusals: 0,
  requests: {},
});
