/** How a scripted origin behaves. Sent as JSON to its process. */
export interface ScriptedOriginOptions {
  readonly port: number;
  readonly path: string;
  /** What its SDP gives the presentation as a title, to tell two origins apart. */
  readonly title: string;
  readonly ssrc: number;
  readonly transports: readonly ('udp' | 'tcp')[];
  /** Digest: asked for at EVERY request, the nonce is good on its own connection only. */
  readonly digestUsers: Readonly<Record<string, string>>;
  /** Answers a method with this status, or never. */
  readonly refusals: Readonly<Record<string, number | 'silent'>>;
  /** `Location` of its refusals; '' for none. */
  readonly location: string;
  /** Names its ports in the answer to SETUP. */
  readonly serverPorts: boolean;
  /** `a=range` of its SDP: `npt=now-` is live, one with an end is not. */
  readonly range: string;
  /** `sprop-parameter-sets` of its SDP; its media has none. */
  readonly parameterSets: string;
  /** Sends this many packets before the answer to PLAY. */
  readonly packetsBeforePlayAnswer: number;
  /** Pictures of one packet each, but for those at which a decoder can start. */
  readonly packetsPerSecond: number;
  readonly payloadBytes: number;
  /** Every so many pictures a decoder can start. */
  readonly packetsPerStart: number;
  /** How many packets such a picture has, sent all at once. */
  readonly startPackets: number;
  /** Sends so many packets at once, in this order: [0, 2, 1] changes every second with its third, [0, 1, 1] doubles one. */
  readonly sendOrder: readonly number[];
  readonly sessionTimeoutSeconds: number;
  /** The methods its `Public` names. */
  readonly methods: readonly string[];
}

export const scriptedOriginDefaults: Omit<ScriptedOriginOptions, 'port'> = {
  path: '/live',
  title: 'scripted',
  ssrc: 0x57454952,
  transports: ['udp', 'tcp'],
  digestUsers: {},
  refusals: {},
  location: '',
  serverPorts: true,
  range: 'npt=now-',
  parameterSets: 'Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==',
  packetsBeforePlayAnswer: 0,
  packetsPerSecond: 100,
  payloadBytes: 1000,
  packetsPerStart: 50,
  startPackets: 1,
  sendOrder: [0],
  sessionTimeoutSeconds: 60,
  methods: ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY', 'PAUSE', 'GET_PARAMETER', 'SET_PARAMETER', 'TEARDOWN'],
};

/** What a scripted origin tells, one JSON object a line. */
export type ScriptedOriginEvent =
  | { readonly event: 'listening' }
  | { readonly event: 'connected' | 'closed'; readonly connection: number; readonly peer: string }
  | {
      readonly event: 'request';
      readonly connection: number;
      readonly method: string;
      readonly uri: string;
      /** The status it answered; 0 when it kept silent. */
      readonly status: number;
      readonly session: string;
      /** Whose signature it was; '' without one. */
      readonly user: string;
      readonly body: string;
    };
