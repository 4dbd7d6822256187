/** What scripted viewers do. Sent as JSON to their process. */
export interface ScriptedViewersOptions {
  readonly url: string;
  /** Where they connect; the URL's own host unless given. */
  readonly dial: { readonly address: string; readonly port: number };
  readonly transport: 'udp' | 'tcp';
  /** One viewer per entry, each from this address of the host. */
  readonly sources: readonly string[];
  /** The same RTP port for every viewer, as behind a NAT or on equal machines; any free one with 0. */
  readonly clientPort: number;
  /** The name and password of each viewer, or none. */
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
  /** Of each UDP socket; the system's own with 0. */
  readonly receiveBytes: number;
  /** Sends an empty RTP packet to the server's port before PLAY, as players do. */
  readonly punch: boolean;
  /** Between the coming of one viewer and of the next, in the order of `sources`. */
  readonly everyMs: number;
  /** Whoever has lost the connection, got none, or has no media so long after it, dials again; never with 0. */
  readonly dialAgainMs: number;
}

export const scriptedViewersDefaults = {
  transport: 'udp',
  clientPort: 0,
  credentials: undefined,
  receiveBytes: 1 << 20,
  punch: true,
  everyMs: 0,
  dialAgainMs: 0,
} as const satisfies Partial<ScriptedViewersOptions>;

/** What one viewer has received. */
export interface ViewerCounts {
  readonly rtpPackets: number;
  /** RTP header and payload. */
  readonly rtpBytes: number;
  readonly rtcpPackets: number;
  readonly byes: number;
  /** Sequence numbers that never came, between the first and the last packet. */
  readonly lost: number;
  /** Packets whose sequence number had come before. */
  readonly repeated: number;
  readonly ssrcs: readonly number[];
  /** Where media came from: address and port. */
  readonly mediaFrom: readonly string[];
  /** From sending PLAY to the first packet after it; -1 before. */
  readonly joinMs: number;
  /** The first packet after the last PLAY: its sequence number, RTP time, and whether a decoder can start there (RFC 6184 s.5.4). */
  readonly first: { readonly seq: number; readonly rtpTime: number; readonly key: boolean } | undefined;
}

/** What scripted viewers tell, one JSON object a line. `viewer` is the index of its source. */
export type ScriptedViewersEvent =
  | {
      readonly event: 'answer';
      readonly viewer: number;
      readonly method: string;
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly event: 'dialled'; readonly viewer: number; readonly atMs: number }
  /** The first packet after a PLAY. */
  | { readonly event: 'media'; readonly viewer: number; readonly atMs: number }
  | { readonly event: 'bye'; readonly viewer: number }
  /** The answers are over: it plays, or was refused with this status. */
  | { readonly event: 'settled'; readonly viewer: number; readonly status: number }
  | { readonly event: 'counts'; readonly counts: readonly ViewerCounts[] }
  | {
      readonly event: 'ended';
      readonly viewer: number;
      readonly how: 'teardown' | 'closed' | 'reset';
      readonly atMs: number;
    };

/** What their process does on a line of its standard input; `viewers` all when absent. */
export interface ScriptedViewersCommand {
  /** `again`: TEARDOWN and, behind it on the same connection without waiting for its answer, SETUP and PLAY as before. */
  readonly command: 'teardown' | 'again' | 'count' | 'close-udp' | 'request';
  readonly viewers?: readonly number[];
  /** With `request`: sent as it is, with CSeq and Session added. */
  readonly method?: string;
}
