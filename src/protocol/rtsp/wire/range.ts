/** The Range header and SDP's `a=range` (RFC 2326 s.3.5 to s.3.7, s.12.29, s.C.1.5). */
import { badMessage } from './bad-message.ts';
import { splitOutsideQuotes } from './grammar.ts';

export interface RangeSpec {
  readonly unit: 'npt' | 'clock' | 'smpte';
  /** Seconds for npt, or `now`; as written for clock and smpte. Undefined: from where it is. */
  readonly start?: number | string;
  /** As `start`. Undefined: open, as a live source is. */
  readonly end?: number | string;
  readonly raw: string;
}

/** RTSP_BAD_MESSAGE: 501 for a unit RFC 2326 has not (s.12.29), 457 for a range that cannot be read. */
export function parseRange(value: string): RangeSpec {
  // What follows is `;time=`, when to act: not part of the range.
  const [range = ''] = splitOutsideQuotes(value, ';');
  const [, name = '', text = ''] = /^([a-z0-9-]+)[ \t]*=[ \t]*(.*)$/i.exec(range) ?? [];
  const bad = (status: number) => badMessage('bad Range', { offset: 0, status });
  if (name === '') throw bad(457);
  const unit = /^smpte(?:-30-drop|-25)?$/i.test(name) ? 'smpte' : name.toLowerCase();
  if (unit !== 'npt' && unit !== 'clock' && unit !== 'smpte') throw bad(501);
  const [startText = '', endText, ...more] = text.split('-').map((part) => part.trim());
  const read = { npt: parseNpt, clock: parseClock, smpte: parseSmpte }[unit];
  const start = startText === '' ? undefined : read(startText);
  const end = !endText ? undefined : read(endText);
  if (more.length > 0 || (startText !== '' && start === undefined) || (endText && end === undefined))
    throw bad(457);
  // "npt=5" without its dash is written by players that mean "npt=5-"; nothing at all is nothing.
  if (start === undefined && end === undefined) throw bad(457);
  return {
    unit,
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    raw: value,
  };
}

/** RFC 2326 s.3.6: `now`, seconds, or hours:minutes:seconds. */
function parseNpt(text: string): number | 'now' | undefined {
  if (text.toLowerCase() === 'now') return 'now';
  if (/^(?:\d{1,12}(?:\.\d{0,9})?|\.\d{1,9})$/.test(text)) return Number(text);
  const [, hours, minutes, seconds] = /^(\d{1,6}):([0-5]?\d):([0-5]?\d(?:\.\d{0,9})?)$/.exec(text) ?? [];
  return hours === undefined ? undefined : Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** RFC 2326 s.3.7: `19961108T143720.25Z`. */
const parseClock = (text: string): string | undefined =>
  /^\d{8}T\d{6}(?:\.\d{1,9})?Z$/i.test(text) ? text : undefined;

/** RFC 2326 s.3.5: `10:07:33:05.01`, hours:minutes:seconds:frames.subframes. */
const parseSmpte = (text: string): string | undefined =>
  /^\d{1,2}:\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d{1,2})?)?$/.test(text) ? text : undefined;
