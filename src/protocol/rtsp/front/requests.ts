import { randomBytes } from 'node:crypto';
import type { Target } from '../../monitor.ts';
import type { Presentation, Proof } from '../../origin-session.ts';
import { TerminateCause } from '../../terminate-cause.ts';
import {
  cseq,
  formatRtpInfo,
  formatSession,
  normalizeForSharing,
  parseList,
  parseRange,
  parseRtspUrl,
  parseSession,
  parseTransports,
  type RtspRequest,
  trackOfUrl,
} from '../wire/index.ts';
import { type Reply, replyTo } from './reply.ts';
import type { RtspConnection } from './rtsp-connection.ts';
import { RtspSession } from './rtsp-session.ts';
import { agreedTransport, type ChosenTransport, chooseTransport } from './transport-choice.ts';

type Answer = (connection: RtspConnection, request: RtspRequest) => Promise<Reply>;

const ok: Reply = { status: 200 };

/** What each method of RFC 2326 s.10 is answered with. */
const answers: Readonly<Record<string, Answer>> = {
  OPTIONS: async () => ({ status: 200, headers: [['Public', offered]] }),
  DESCRIBE: describe,
  SETUP: setup,
  PLAY: play,
  PAUSE: pause,
  TEARDOWN: teardown,
  GET_PARAMETER: parameter,
  SET_PARAMETER: parameter,
};
const offered = Object.keys(answers).join(', ');

/** Methods of the RFC that only a sender of media needs. */
const notHere = ['ANNOUNCE', 'RECORD', 'REDIRECT'];

/** The answer to one request. May throw RTSP_BAD_MESSAGE with the status to answer. */
export async function answerRequest(connection: RtspConnection, request: RtspRequest): Promise<Reply> {
  if (cseq(request.headers) === undefined) return { status: 400 };
  const required = [...request.headers.all('Require'), ...request.headers.all('Proxy-Require')].flatMap(
    parseList,
  );
  if (required.length > 0) return { status: 551, headers: [['Unsupported', required.join(', ')]] };
  if (notHere.includes(request.method)) return { status: 405, headers: [['Allow', offered]] };
  const answer = Object.hasOwn(answers, request.method) ? answers[request.method] : undefined;
  return answer ? answer(connection, request) : { status: 501, headers: [['Public', offered]] };
}

async function describe(connection: RtspConnection, request: RtspRequest): Promise<Reply> {
  const accept = request.headers.all('Accept').flatMap(parseList);
  if (accept.length > 0 && !accept.some((type) => /^(application\/(sdp|\*)|\*\/\*)\s*(;|$)/i.test(type))) {
    return { status: 406 };
  }
  const target = targetOf(request.uri);
  const described = await connection.parts.monitor.describe(connection, target, proofOf(request));
  if (!described.ok) return replyTo(described.refusal);
  const presentation = described.value;
  connection.remember(target, presentation);
  return {
    status: 200,
    headers: [
      ['Content-Type', presentation.contentType],
      ...presentation.headers.filter(([name]) => name.toLowerCase() !== 'server'),
    ],
    body: presentation.description,
  };
}

async function setup(connection: RtspConnection, request: RtspRequest): Promise<Reply> {
  const existing = namedSession(connection, request);
  if (existing === 'unknown') return { status: 454 };
  const found = existing
    ? {
        target: existing.target,
        presentation: existing.viewer.presentation,
        track: trackIn(existing.viewer.presentation, request.uri),
      }
    : await findTrack(connection, request);
  if ('status' in found) return found;
  const { target, presentation, track } = found;
  if (track === undefined) return { status: namesAggregate(presentation, request.uri) ? 459 : 404 };
  const header = request.headers.get('Transport');
  if (header === undefined) return { status: 400 };
  const taken = new Set(
    [...connection.sessions.values()].flatMap((session) =>
      session.channels(session === existing ? track : -1),
    ),
  );
  const chosen = chooseTransport(parseTransports(header), {
    viewerAddress: connection.viewer.address,
    nextChannels: nextChannels(taken),
    taken,
  });
  if (chosen === undefined) return { status: 461 };
  const proof = proofOf(request);
  if (existing) return setUpTrack(connection, existing, track, chosen, proof);
  if (connection.full) return { status: 453 };
  const joined = await connection.parts.monitor.join(connection, target, { ...proof, uri: target.url });
  if (!joined.ok) return replyTo(joined.refusal);
  const session = new RtspSession(randomBytes(16).toString('hex'), target, joined.value);
  connection.add(session);
  let ready = false;
  try {
    const reply = await setUpTrack(connection, session, track, chosen, proof);
    ready = reply.status === 200;
    return reply;
  } finally {
    if (!ready) await session.viewer.end(TerminateCause.userRequest);
  }
}

async function setUpTrack(
  connection: RtspConnection,
  session: RtspSession,
  track: number,
  chosen: ChosenTransport,
  proof: Proof,
): Promise<Reply> {
  const outcome = await session.viewer.setup(track, proof);
  if (!outcome.ok) return replyTo(outcome.refusal);
  const ports =
    chosen.lower === 'udp'
      ? await connection.parts.serverPorts.lend({
          originAddress: connection.origin.address,
          feed: session.viewer.feed,
          track,
          viewerAddress: connection.viewer.address,
        })
      : undefined;
  await session.put(track, { chosen, ports });
  const serverPort = ports && ([ports.pair.rtp.port, ports.pair.rtcp.port] as const);
  return {
    status: 200,
    headers: [
      ['Transport', agreedTransport(chosen, serverPort)],
      [
        'Session',
        formatSession({
          rtspSessionId: session.rtspSessionId,
          timeoutSeconds: session.viewer.timeoutMs / 1000,
        }),
      ],
    ],
  };
}

async function play(connection: RtspConnection, request: RtspRequest): Promise<Reply> {
  return withSession(connection, request, async (session) => {
    const range = request.headers.get('Range');
    if (range !== undefined && !readableRange(range)) return { status: 457 };
    const interleaved = session.interleaved ? await connection.adopt() : undefined;
    if (interleaved) session.viewer.progressMonoNs = () => interleaved.counters().lastProgressMonoNs;
    const tracks = session.viewerTracks(connection.viewer.address, interleaved);
    const started = await session.viewer.play({ tracks, range, proof: proofOf(request) });
    if (!started.ok) return replyTo(started.refusal);
    const info = formatRtpInfo(session.rtpInfo(started.value));
    return {
      status: 200,
      headers: [
        sessionHeader(session),
        ['Range', session.viewer.presentation.live ? 'npt=now-' : (range ?? 'npt=0.000-')],
        ...(info === '' ? [] : [['RTP-Info', info] as const]),
      ],
      after: () => session.viewer.begin(),
    };
  });
}

async function pause(connection: RtspConnection, request: RtspRequest): Promise<Reply> {
  return withSession(connection, request, async (session) => {
    const paused = await session.viewer.pause(proofOf(request));
    return paused.ok ? { status: 200, headers: [sessionHeader(session)] } : replyTo(paused.refusal);
  });
}

async function teardown(connection: RtspConnection, request: RtspRequest): Promise<Reply> {
  return withSession(connection, request, async (session) => {
    const ended = session.viewer.end(TerminateCause.userRequest);
    await session.viewer.stopped;
    // The next request may want the channels, or another thread of the engine's: free when the last packets are acknowledged.
    return { status: 200, headers: [sessionHeader(session)], beforeNext: ended };
  });
}

/** GET_PARAMETER and SET_PARAMETER: a sign of life when empty (RFC 2326 s.10.8); parameters there are none. */
async function parameter(connection: RtspConnection, request: RtspRequest): Promise<Reply> {
  const session = namedSession(connection, request);
  if (session === 'unknown') return { status: 454 };
  if (request.body.length > 0) return { status: 451 };
  return session ? { status: 200, headers: [sessionHeader(session)] } : ok;
}

/** PLAY, PAUSE and TEARDOWN concern the whole session; of several tracks none can be named alone (460). */
async function withSession(
  connection: RtspConnection,
  request: RtspRequest,
  answer: (session: RtspSession) => Promise<Reply>,
): Promise<Reply> {
  const session = namedSession(connection, request);
  if (session === 'unknown' || session === undefined) return { status: 454 };
  const { presentation } = session.viewer;
  const single = presentation.tracks.length > 1 && trackIn(presentation, request.uri) !== undefined;
  if (single && !namesAggregate(presentation, request.uri)) return { status: 460 };
  return answer(session);
}

/** The session that the request names, none, or one that this connection did not open. */
function namedSession(connection: RtspConnection, request: RtspRequest): RtspSession | undefined | 'unknown' {
  const header = request.headers.get('Session');
  if (header === undefined) return undefined;
  return connection.sessions.get(parseSession(header).rtspSessionId) ?? 'unknown';
}

/** Which track of what a SETUP without a session means: of what was described here, else of the URL itself. */
async function findTrack(
  connection: RtspConnection,
  request: RtspRequest,
): Promise<{ target: Target; presentation: Presentation; track: number | undefined } | Reply> {
  for (const { target, presentation } of connection.described()) {
    const track = trackIn(presentation, request.uri);
    if (track !== undefined || namesAggregate(presentation, request.uri))
      return { target, presentation, track };
  }
  const target = targetOf(request.uri);
  const described = await connection.parts.monitor.describe(connection, target, proofOf(request));
  if (!described.ok) return replyTo(described.refusal);
  connection.remember(target, described.value);
  return { target, presentation: described.value, track: trackIn(described.value, request.uri) };
}

function trackIn(presentation: Presentation, uri: string): number | undefined {
  const { documentUrl, tracks } = presentation;
  const track = trackOfUrl(uri, { base: documentUrl, tracks });
  return track ?? (tracks.length === 1 && namesAggregate(presentation, uri) ? 0 : undefined);
}

/** Hosts are not compared: an origin may know itself by another name than its viewers. */
function namesAggregate(presentation: Presentation, uri: string): boolean {
  const { aggregateUrl, documentUrl } = presentation;
  const path = sharedPath(uri);
  return path === sharedPath(aggregateUrl) || path === sharedPath(documentUrl);
}

const sharedPath = (uri: string): string => normalizeForSharing(uri).replace(/^rtsp:\/\/[^/?]*/, '');

/** The URL as a sharing key and as it is shown; who asks goes into neither. */
function targetOf(uri: string): Target {
  const key = normalizeForSharing(parseRtspUrl(uri));
  return { key, url: key };
}

const proofOf = (request: RtspRequest): Proof => ({
  uri: request.uri,
  authorization: request.headers.get('Authorization'),
});

const sessionHeader = (session: RtspSession): readonly [string, string] => [
  'Session',
  formatSession({ rtspSessionId: session.rtspSessionId }),
];

/** The lowest even channel from which two are free. */
function nextChannels(taken: ReadonlySet<number>): number {
  let channel = 0;
  while (taken.has(channel) || taken.has(channel + 1)) channel += 2;
  return channel;
}

function readableRange(range: string): boolean {
  try {
    parseRange(range);
    return true;
  } catch {
    return false;
  }
}
