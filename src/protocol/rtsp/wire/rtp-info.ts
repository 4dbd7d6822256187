/** RTP-Info (RFC 2326 s.12.33). */
import { parseDecimal, trimBlanks } from './grammar.ts';

export interface RtpInfo {
  /** As written: absolute, or relative to the presentation. */
  readonly url: string;
  readonly seq?: number;
  readonly rtpTime?: number;
}

/**
 * Commas and semicolons in URLs are common: an entry ends where the next `,url=` begins, a URL where the parameters
 * known here begin. The header is advice only: what cannot be read is left out, nothing is thrown.
 */
export function parseRtpInfo(value: string): RtpInfo[] {
  const starts = [...value.matchAll(/(?:^|,)[ \t]*url[ \t]*=/gi)];
  return starts.map((start, at) => {
    const entry = value.slice(start.index + start[0].length, starts[at + 1]?.index ?? value.length);
    return parseEntry(entry);
  });
}

function parseEntry(entry: string): RtpInfo {
  let seq: number | undefined;
  let rtpTime: number | undefined;
  let end = entry.length;
  for (let semicolon = entry.lastIndexOf(';'); semicolon >= 0; semicolon = entry.lastIndexOf(';', end - 1)) {
    const parameter = /^[ \t]*(seq|rtptime|ssrc)[ \t]*=([^,]*),?[ \t]*$/i.exec(
      entry.slice(semicolon + 1, end),
    );
    if (!parameter) break;
    const [, name = '', text = ''] = parameter;
    if (name.toLowerCase() === 'seq') seq = parseDecimal(trimBlanks(text), 0xffff);
    if (name.toLowerCase() === 'rtptime') rtpTime = parseDecimal(trimBlanks(text), 0xffff_ffff);
    end = semicolon;
    if (end === 0) break;
  }
  const url = trimBlanks(trimBlanks(entry.slice(0, end)).replace(/^"([^"]*)"$/, '$1'));
  return { url, ...(seq === undefined ? {} : { seq }), ...(rtpTime === undefined ? {} : { rtpTime }) };
}

export function formatRtpInfo(entries: readonly RtpInfo[]): string {
  return entries
    .map(({ url, seq, rtpTime }) => {
      const parameters = [
        seq === undefined ? '' : `;seq=${seq}`,
        rtpTime === undefined ? '' : `;rtptime=${rtpTime}`,
      ];
      return `url=${url}${parameters.join('')}`;
    })
    .join(',');
}
