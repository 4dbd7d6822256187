import { createWriteStream } from 'node:fs';
import { mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describeError, WeirError } from '#base';

/** What is left for records while a bundle lies beside them. */
const spareBytes = 64 * 2 ** 20;
/** No slot takes more. */
const mostBytes = 512 * 2 ** 20;
/** A server that sends nothing for so long is given up. */
const silenceMs = 60_000;

export interface DownloadOptions {
  readonly onProgress: (doneBytes: number, allBytes: number | undefined) => void;
  readonly signal?: AbortSignal | undefined;
  /** Of the file system that `folder` is on; statfs(2)'s when not given. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/** A bundle that was fetched; disposed of, it is gone from the disk. */
export interface FetchedBundle extends AsyncDisposable {
  readonly path: string;
}

/**
 * Fetches a bundle into a folder of its own below `folder`, what an earlier try left there is removed first.
 *
 * @throws {WeirError} UPDATE_UNREACHABLE, UPDATE_NO_SPACE
 */
export async function downloadBundle(
  url: string,
  folder: string,
  options: DownloadOptions,
): Promise<FetchedBundle> {
  const { onProgress, signal, freeBytes = freeBytesOf } = options;
  const own = join(folder, 'update');
  const remove = () => rm(own, { recursive: true, force: true });
  await remove();
  await mkdir(own, { mode: 0o700 });
  const path = join(own, 'bundle.raucb');
  const silent = new AbortController();
  const tooLong = () => silent.abort(new Error(`nothing came for ${silenceMs / 1000} s`));
  let silence = setTimeout(tooLong, silenceMs);
  try {
    const stops = signal ? [silent.signal, signal] : [silent.signal];
    const response = await fetch(url, { signal: AbortSignal.any(stops) });
    if (!response.ok || !response.body) throw new Error(`the server answers ${response.status}`);
    const announced = Number(response.headers.get('content-length') ?? 0) || undefined;
    const room = Math.min(mostBytes, (await freeBytes(own)) - spareBytes);
    if ((announced ?? 0) > room) throw noSpace(announced ?? 0, room);
    let done = 0;
    await pipeline(
      Readable.fromWeb(response.body),
      async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          clearTimeout(silence);
          silence = setTimeout(tooLong, silenceMs);
          done += chunk.length;
          if (done > room) throw noSpace(done, room);
          onProgress(done, announced);
          yield chunk;
        }
      },
      createWriteStream(path, { mode: 0o600, flush: true }),
      { signal: AbortSignal.any(stops) },
    );
    if (announced !== undefined && done !== announced)
      throw new Error(`it ended after ${done} of ${announced} bytes`);
    return { path, [Symbol.asyncDispose]: remove };
  } catch (cause) {
    await remove();
    if (cause instanceof WeirError || signal?.aborted) throw cause;
    throw unreachable(url, cause);
  } finally {
    clearTimeout(silence);
  }
}

function unreachable(url: string, cause: unknown): WeirError {
  // What fetch says itself is always `fetch failed`.
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
  const text = describeError(inner);
  // Somebody's password may be in the URL.
  const { origin, pathname } = new URL(url);
  return new WeirError('UPDATE_UNREACHABLE', `the bundle cannot be fetched: ${text}`, {
    fields: { url: `${origin}${pathname}` },
    advice: 'check the URL and the way to it; the slots are as they were',
    cause,
  });
}

const noSpace = (wanted: number, room: number): WeirError =>
  new WeirError('UPDATE_NO_SPACE', 'the data partition has no room for the bundle', {
    fields: { bundleBytes: wanted, roomBytes: Math.max(0, room) },
    advice: 'let records be delivered and shorten billing.retentionDays, or install from a USB stick',
  });

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
