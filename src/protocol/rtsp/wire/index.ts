export {
  type Authorization,
  authorize,
  type Challenge,
  parseAuthorization,
  parseChallenges,
  type SigningFacts,
  strongestChallenge,
  verifyDigest,
} from './auth.ts';
export type { BadMessageFacts } from './bad-message.ts';
export { Base64Stream } from './base64-stream.ts';
export { resolveControl, trackOfUrl } from './control.ts';
export { looksLikeRtsp } from './detect.ts';
export { parseList } from './grammar.ts';
export { cseq, Headers } from './headers.ts';
export {
  parseMessage,
  type RtspRequest,
  type RtspResponse,
  serializeRequest,
  serializeResponse,
} from './message.ts';
export { type InterleavedFrame, MessageReader } from './message-reader.ts';
export { parseRange, type RangeSpec } from './range.ts';
export { formatRtpInfo, parseRtpInfo, type RtpInfo } from './rtp-info.ts';
export { parseSdp, type Sdp, type SdpTrack } from './sdp.ts';
export { formatSession, parseSession, type SessionHeader } from './session-header.ts';
export { isKnownMethod, knownMethods, type RtspMethod, rtspMethods, statusPhrases } from './status.ts';
export { formatTransport, type NumberPair, parseTransports, type TransportSpec } from './transport.ts';
export {
  beginsTunnel,
  isTunnelRefusal,
  type TunnelRefusal,
  type TunnelRequest,
  TunnelRequestReader,
  tunnelContentType,
  tunnelOpened,
  tunnelRefused,
} from './tunnel.ts';
export { normalizeForSharing, parseRtspUrl, type RtspUrl } from './url.ts';
