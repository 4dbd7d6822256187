/** The Transport header (RFC 2326 s.12.39). */
import { badMessage } from './bad-message.ts';
import { parseDecimal, splitOutsideQuotes, unquote } from './grammar.ts';

export type NumberPair = readonly [number, number];

export interface TransportSpec {
  /** `RTP/AVP`, `RTP/SAVP` ...: upper case, without the lower transport. */
  readonly profile: string;
  readonly lower: 'UDP' | 'TCP';
  /**
   * Multicast when nothing is said (the RFC's default), but players and servers that leave it out and give
   * `client_port`, `server_port` or `interleaved`, or ask for TCP, mean unicast.
   */
  readonly cast: 'unicast' | 'multicast';
  readonly interleaved?: NumberPair;
  readonly clientPort?: NumberPair;
  readonly serverPort?: NumberPair;
  /** The group's ports (multicast). */
  readonly port?: NumberPair;
  /** Empty when only the word was given: "where you like". */
  readonly destination?: string;
  readonly source?: string;
  readonly ssrc?: number;
  /** Upper case: `PLAY`, `RECORD`. */
  readonly mode?: string;
  readonly ttl?: number;
  readonly layers?: number;
  readonly append?: true;
  /** Parameters that are none of the above, or whose value tells nothing (`server_port=0`), as written. */
  readonly unknown: readonly string[];
}

/**
 * The alternatives, most wanted first. One that cannot be read is left out as long as another can; else
 * RTSP_BAD_MESSAGE, with status 461 when one was well written but of an unknown lower transport, else 400.
 */
export function parseTransports(value: string): TransportSpec[] {
  const specs: TransportSpec[] = [];
  let status = 400;
  for (const alternative of splitOutsideQuotes(value, ',')) {
    const spec = parseTransport(alternative);
    if (typeof spec === 'object') specs.push(spec);
    else if (spec === 'unsupported') status = 461;
  }
  if (specs.length === 0) throw badMessage('no usable Transport', { status });
  return specs;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Writable<TransportSpec> & { unknown: string[] };
/** Fills the draft from one parameter; false: the alternative cannot be used. */
type ReadParameter = (draft: Draft, value: string) => boolean | 'unknown';

const pair =
  (key: 'clientPort' | 'serverPort' | 'port' | 'interleaved', max: number): ReadParameter =>
  (draft, value) => {
    const ports = parsePair(value, max);
    if (!ports) return false;
    if (ports[0] === 0 && key !== 'interleaved') return 'unknown';
    draft[key] = ports;
    return true;
  };

const number =
  (key: 'ttl' | 'layers', max: number): ReadParameter =>
  (draft, value) => {
    const parsed = parseDecimal(value, max);
    if (parsed !== undefined) draft[key] = parsed;
    return parsed !== undefined;
  };

const address =
  (key: 'destination' | 'source'): ReadParameter =>
  (draft, value) => {
    draft[key] = value;
    return /^[\w.:[\]%-]*$/.test(value);
  };

const parameters: ReadonlyMap<string, ReadParameter> = new Map<string, ReadParameter>([
  ['interleaved', pair('interleaved', 0xff)],
  ['client_port', pair('clientPort', 0xffff)],
  ['server_port', pair('serverPort', 0xffff)],
  ['port', pair('port', 0xffff)],
  ['destination', address('destination')],
  ['source', address('source')],
  ['ttl', number('ttl', 0xff)],
  ['layers', number('layers', 0xffff)],
  [
    'ssrc',
    (draft, value) => {
      // Eight hex digits. Some servers write other things here; the SSRC of the packets is what counts then.
      if (!/^[0-9a-f]{1,8}$/i.test(value)) return 'unknown';
      draft.ssrc = Number.parseInt(value, 16);
      return true;
    },
  ],
  [
    'mode',
    (draft, value) => {
      draft.mode = value.toUpperCase();
      return /^[\w, -]+$/.test(value);
    },
  ],
  [
    'append',
    (draft) => {
      draft.append = true;
      return true;
    },
  ],
]);

function parseTransport(alternative: string): TransportSpec | 'bad' | 'unsupported' {
  const [name = '', ...rest] = splitOutsideQuotes(alternative, ';');
  const transport = parseName(name);
  if (typeof transport !== 'object') return transport;
  const draft: Draft = { ...transport, cast: 'multicast', unknown: [] };
  const seen = new Set<string>();
  let cast: TransportSpec['cast'] | undefined;
  for (const parameter of rest) {
    if (parameter === '') continue;
    const equals = parameter.indexOf('=');
    const key = (equals < 0 ? parameter : parameter.slice(0, equals)).trimEnd().toLowerCase();
    if (key === 'unicast' || key === 'multicast') {
      if (cast && cast !== key) return 'bad';
      cast = key;
      continue;
    }
    const read = parameters.get(key);
    const value = equals < 0 ? '' : unquote(parameter.slice(equals + 1).trim());
    if (value === undefined || (read && seen.has(key))) return 'bad';
    seen.add(key);
    const known = read ? read(draft, value.trim()) : 'unknown';
    if (known === false) return 'bad';
    if (known === 'unknown') draft.unknown.push(parameter);
  }
  const pointToPoint =
    draft.lower === 'TCP' || ['client_port', 'server_port', 'interleaved'].some((key) => seen.has(key));
  draft.cast = cast ?? (pointToPoint ? 'unicast' : 'multicast');
  return draft;
}

/** `RTP/AVP`, `RTP/AVP/TCP`, `x-real-rdt/udp`: the last part tells the lower transport when it names one. */
function parseName(name: string): Pick<TransportSpec, 'profile' | 'lower'> | 'bad' | 'unsupported' {
  if (!/^[\w.+-]+(?:\/[\w.+-]+){1,2}$/.test(name)) return 'bad';
  const parts = name.toUpperCase().split('/');
  const last = parts.at(-1);
  if (last === 'UDP' || last === 'TCP') return { profile: parts.slice(0, -1).join('/'), lower: last };
  return parts.length === 3 ? 'unsupported' : { profile: parts.join('/'), lower: 'UDP' };
}

/** `4588-4589`, or `4588` for that port and the next (RFC 3550 s.11). */
function parsePair(value: string, max: number): NumberPair | undefined {
  const [low = '', high, ...more] = value.split('-');
  const from = parseDecimal(low.trim(), max);
  if (from === undefined || more.length > 0) return undefined;
  if (high === undefined)
    return from === 0 && max > 0xff ? [0, 0] : from < max ? [from, from + 1] : undefined;
  const to = parseDecimal(high.trim(), max);
  return to === undefined || to < from ? undefined : [from, to];
}

const hex8 = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');

/** The transport's name; UDP is left to the default, as servers write it, where that reads back the same. */
function formatName({ profile, lower }: TransportSpec): string {
  const short = parseName(profile);
  const isSame = typeof short === 'object' && short.profile === profile && short.lower === lower;
  return isSame ? profile : `${profile}/${lower}`;
}

/** One alternative as text. */
export function formatTransport(spec: TransportSpec): string {
  const word = (name: string, value: number | string | undefined) =>
    value === undefined ? [] : [value === '' ? name : `${name}=${value}`];
  const range = (name: string, value: NumberPair | undefined) => word(name, value?.join('-'));
  return [
    formatName(spec),
    spec.cast,
    ...word('destination', spec.destination),
    ...word('source', spec.source),
    ...range('interleaved', spec.interleaved),
    ...range('client_port', spec.clientPort),
    ...range('server_port', spec.serverPort),
    ...range('port', spec.port),
    ...word('ttl', spec.ttl),
    ...word('layers', spec.layers),
    ...(spec.append ? ['append'] : []),
    ...word('ssrc', spec.ssrc === undefined ? undefined : hex8(spec.ssrc)),
    ...word('mode', spec.mode === undefined ? undefined : `"${spec.mode}"`),
    ...spec.unknown,
  ].join(';');
}
