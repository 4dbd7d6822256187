import { isWeirError } from '#base';
import type { Presentation } from '../../origin-session.ts';
import { done, type Outcome, refused } from '../../outcome.ts';
import { parseRtspUrl, parseSdp, type RtspResponse, resolveControl } from '../wire/index.ts';

/** Headers of the origin's answer that a viewer needs beside the description. */
const keptHeaders = [
  'content-base',
  'content-location',
  'content-language',
  'x-accept-dynamic-rate',
  'server',
];

/** Reads the origin's answer to DESCRIBE; the description itself stays as it is. */
export function readPresentation(response: RtspResponse, requestUri: string): Outcome<Presentation> {
  const { headers, body } = response;
  const contentType = headers.get('Content-Type') ?? 'application/sdp';
  try {
    const sdp = parseSdp(body);
    const bases = [headers.get('Content-Base'), headers.get('Content-Location')];
    const documentUrl = bases.find((base) => base !== undefined && isRtspUrl(base)) ?? requestUri;
    const aggregateUrl = resolveControl(documentUrl, sdp.control);
    if (
      ![aggregateUrl, ...sdp.tracks.map(({ control }) => resolveControl(documentUrl, control))].every(
        isRtspUrl,
      )
    )
      return refused({ why: 'bad-answer', text: "the origin's description has a control URL that is none" });
    return done({
      description: body,
      contentType,
      headers: headers.entries().filter(([name]) => keptHeaders.includes(name.toLowerCase())),
      documentUrl,
      aggregateUrl,
      live: sdp.live,
      tracks: sdp.tracks.map(
        ({ index, control, codec, clockRateHz, media, encodingName, payloadTypes, formats }) => ({
          index,
          form: `${media} ${encodingName}/${clockRateHz} ${payloadTypes.join(' ')}`,
          formats,
          codec,
          clockRateHz,
          video: media === 'video',
          control,
          controlUrl: resolveControl(documentUrl, control),
        }),
      ),
    });
  } catch (error) {
    if (!isWeirError(error)) throw error;
    return refused({
      why: 'bad-answer',
      text: `the origin's description cannot be read: ${error.describe()}`,
    });
  }
}

/** Whether Weir can ask for it: what an origin writes into its description ends up in requests and in RTP-Info. */
function isRtspUrl(text: string): boolean {
  try {
    parseRtspUrl(text);
    return true;
  } catch {
    return false;
  }
}
