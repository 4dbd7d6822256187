import assert from 'node:assert/strict';
import type { Presentation } from '../../../../src/protocol/index.ts';
import { readPresentation } from '../../../../src/protocol/rtsp/origin/presentation.ts';
import { Headers } from '../../../../src/protocol/rtsp/wire/index.ts';
import { bytesOf } from './message-cases.ts';

/** What an origin presents at `url` that answers DESCRIBE so (RFC 4566). */
export function presentationOf(description: string, url: string): Presentation {
  const read = readPresentation(
    {
      kind: 'response',
      status: 200,
      phrase: 'OK',
      version: 'RTSP/1.0',
      headers: Headers.of([['Content-Type', 'application/sdp']]),
      body: bytesOf(description),
    },
    url,
  );
  assert.ok(read.ok);
  return read.value;
}
