import assert from 'node:assert/strict';
import { catchUpOf, parseConfig } from '../../../src/config/index.ts';

describe('values of single feeds', () => {
  const config = parseConfig({
    interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } },
    relay: {
      catchUp: { maxSeconds: 6 },
      feeds: [
        { url: 'rtsp://*/news/live', catchUp: { maxSeconds: 3 } },
        { url: 'rtsp://*/news/*', catchUp: { enabled: false } },
        { url: 'rtsp://*/sport/*', catchUp: { maxBytes: 65_536 } },
      ],
    },
  });

  it('are those of all feeds where no entry matches', () => {
    assert.deepEqual(catchUpOf(config, 'rtsp://h/films/1'), { maxMs: 6000, maxBytes: 16_777_216 });
  });

  it('are those of the first entry that matches', () => {
    assert.deepEqual(catchUpOf(config, 'rtsp://h/news/live'), { maxMs: 3000, maxBytes: 16_777_216 });
    assert.equal(catchUpOf(config, 'rtsp://h/news/other'), undefined);
  });

  it('are those of all feeds for what the entry does not say', () => {
    assert.deepEqual(catchUpOf(config, 'rtsp://h/sport/1'), { maxMs: 6000, maxBytes: 65_536 });
  });

  it('can switch on for some feeds what is off for all', () => {
    const off = parseConfig({
      interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } },
      relay: {
        catchUp: { enabled: false },
        feeds: [{ url: 'rtsp://cam.example/*', catchUp: { enabled: true } }],
      },
    });
    assert.equal(catchUpOf(off, 'rtsp://other.example/1'), undefined);
    assert.deepEqual(catchUpOf(off, 'rtsp://cam.example/1'), { maxMs: 8000, maxBytes: 16_777_216 });
  });
});
