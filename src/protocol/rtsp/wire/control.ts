/**
 * Which URL a track has (RFC 2326 s.C.1.1). The RFC says RFC 1808 resolution; the field mostly appends. What players ask
 * for with SETUP (ffmpeg 5.1 and GStreamer 1.22 measured, live555 read), control `stream=0` but in the last column:
 *
 * | base              | `h/live`          | `h/live/`         | `h/live?a=b`          | `h/live/`, `/stream=0` |
 * | ----------------- | ----------------- | ----------------- | --------------------- | ---------------------- |
 * | ffmpeg, mpv       | `h/live/stream=0` | `h/live/stream=0` | `h/live?a=b/stream=0` | `h/live//stream=0`     |
 * | live555, VLC      | `h/live/stream=0` | `h/live/stream=0` | `h/live?a=b/stream=0` | `h/live//stream=0`     |
 * | GStreamer first   | `h/stream=0`      | `h/live/stream=0` | `h/stream=0`          | `h/stream=0`           |
 * | GStreamer refused | `h/live/stream=0` | `h/live/stream=0` | `h/live?a=b/stream=0` | `h/live//stream=0`     |
 * | others            |                   |                   | `h/live/stream=0?a=b` |                        |
 *
 * For a track whose control is `*` ffmpeg asks for `h/live/*`. Weir itself appends, as most do; a viewer's SETUP is
 * understood in each of these forms.
 */
import { normalizePath, parseRtspUrl } from './url.ts';

/**
 * The URL for `control` as Weir asks an origin for it. `base` is Content-Base, Content-Location or the request URL,
 * for tracks after the session's own control was resolved against it. `*`, nothing and an empty control mean the base.
 */
export function resolveControl(base: string, control: string | undefined): string {
  if (isBase(control)) return base;
  if (isAbsolute(control)) return control;
  const separator = base.endsWith('/') || control.startsWith('/') ? '' : '/';
  return base + separator + control;
}

const isBase = (control: string | undefined): control is undefined | '' | '*' =>
  control === undefined || control === '' || control === '*';

const isAbsolute = (control: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(control);

/**
 * The track a SETUP's URL names, in any form of the table above; undefined when none does. Hosts and ports are compared
 * only to choose between tracks that have the same path. A presentation of one track may be set up by its own URL.
 */
export function trackOfUrl(
  requestUri: string,
  presentation: {
    readonly base: string;
    readonly tracks: readonly { readonly control: string | undefined }[];
  },
): number | undefined {
  const wanted = comparable(requestUri);
  if (!wanted) return undefined;
  const { base, tracks } = presentation;
  let byPath: number | undefined;
  for (const [index, { control }] of tracks.entries()) {
    if (isBase(control) && tracks.length > 1) continue;
    for (const form of controlForms(base, control)) {
      const url = comparable(form);
      if (!url || url.path !== wanted.path) continue;
      if (url.authority === wanted.authority) return index;
      byPath ??= index;
    }
  }
  if (byPath !== undefined) return byPath;
  // The lone SETUP of a player that never asked for a description, or did not look into it.
  return tracks.length === 1 && comparable(base)?.path === wanted.path ? 0 : undefined;
}

function controlForms(base: string, control: string | undefined): string[] {
  const own = resolveControl(base, control);
  if (!control || isAbsolute(control)) return [own];
  if (control === '*') return [own, `${base}/*`];
  const forms = [own];
  const resolved = URL.parse(control, base)?.href;
  if (resolved !== undefined) forms.push(resolved);
  const question = base.indexOf('?');
  if (question >= 0) forms.push(resolveControl(base.slice(0, question), control) + base.slice(question));
  return forms;
}

/** Path and query as one text to compare, where slashes too many or at the end mean nothing, and who serves it. */
function comparable(uri: string): { path: string; authority: string } | undefined {
  try {
    const { host, port, path, query } = parseRtspUrl(uri);
    const tail = query === undefined ? '' : `?${query.replace(/\/$/, '')}`;
    return { path: normalizePath(path.replace(/\/{2,}/g, '/')) + tail, authority: `${host} ${port}` };
  } catch {
    return undefined;
  }
}
