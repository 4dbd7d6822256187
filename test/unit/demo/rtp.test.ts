import assert from 'node:assert/strict';
import { muLaw, toneContent } from '../../../src/demo/source/contents.ts';
import { packetizeAccessUnit, payloadBytes } from '../../../src/demo/source/rtp/h264-payload.ts';
import { senderReport } from '../../../src/demo/source/rtp/rtcp.ts';
import { rtpHeader, rtpHeaderBytes, stampedHeaderBytes } from '../../../src/demo/source/rtp/rtp-header.ts';
import { buildVideoGroup } from '../../../src/demo/source/video-group.ts';

/** The NAL units that these payloads carry (RFC 6184 s.5.6, s.5.8). */
function nalsOf(payloads: readonly Uint8Array[]): Buffer[] {
  const nals: Buffer[] = [];
  let open: Buffer[] = [];
  for (const payload of payloads) {
    const [indicator = 0, header = 0] = payload;
    if ((indicator & 0x1f) !== 28) {
      assert.deepEqual(open, [], 'a fragmented unit was not ended');
      nals.push(Buffer.from(payload));
      continue;
    }
    if (header & 0x80) open.push(Buffer.of((indicator & 0xe0) | (header & 0x1f)));
    assert.ok(open.length > 0, 'a fragmented unit was not begun');
    open.push(Buffer.from(payload.subarray(2)));
    if (header & 0x40) {
      nals.push(Buffer.concat(open));
      open = [];
    }
  }
  assert.deepEqual(open, []);
  return nals;
}

describe('the H.264 payload (RFC 6184)', () => {
  const nal = (length: number) =>
    Buffer.from(Array.from({ length }, (_, index) => (index === 0 ? 0x65 : index % 251)));

  for (const length of [1, 99, 100, 101, 197, 198, 1000]) {
    it(`carries a NAL unit of ${length} bytes in payloads of at most 100`, () => {
      const payloads = packetizeAccessUnit([nal(length)], 100).map(({ payload }) => payload);
      assert.ok(payloads.every((payload) => payload.length <= 100));
      assert.deepEqual(nalsOf(payloads), [nal(length)]);
      const expected = { packets: payloads.length, bytes: Buffer.concat(payloads).length };
      assert.deepEqual(payloadBytes(length, 100), expected);
    });
  }

  it('marks the last packet of an access unit and no other (s.5.1)', () => {
    const markers = packetizeAccessUnit([nal(10), nal(250), nal(10)], 100).map(({ marker }) => marker);
    assert.deepEqual(markers, [false, false, false, false, true]);
  });

  it('never sets the start and the end bit in one FU header (s.5.8)', () => {
    for (let length = 101; length < 320; length++) {
      for (const { payload } of packetizeAccessUnit([nal(length)], 100)) {
        assert.notEqual((payload[1] ?? 0) & 0xc0, 0xc0, `${length}`);
      }
    }
  });
});

describe('a group of pictures', () => {
  const options = { framesPerSecond: 25, groupSeconds: 2, maxPacketBytes: 1400, headerBytes: rtpHeaderBytes };

  for (const bitsPerSecond of [1_000_000, 4_000_000, 20_000_000]) {
    it(`takes ${bitsPerSecond / 1e6} Mbit/s with its RTP headers`, () => {
      const { accessUnits } = buildVideoGroup({ ...options, bitsPerSecond });
      const bytes = accessUnits.flat().reduce((sum, { payload }) => sum + payload.length + rtpHeaderBytes, 0);
      assert.ok(Math.abs((bytes * 8) / 2 / bitsPerSecond - 1) < 0.001, `${(bytes * 8) / 2} bit/s`);
      assert.ok(accessUnits.flat().every(({ payload }) => payload.length + rtpHeaderBytes <= 1400));
    });
  }

  it('takes what its pictures take where less was asked for', () => {
    const { accessUnits } = buildVideoGroup({ ...options, bitsPerSecond: 1000 });
    const nals = accessUnits.flatMap((unit) => nalsOf(unit.map(({ payload }) => payload)));
    assert.ok(
      nals.every((nal) => ((nal[0] ?? 0) & 0x1f) !== 12),
      'no filler',
    );
  });

  it('begins with SPS, PPS and an IDR picture and has no other', () => {
    const { accessUnits } = buildVideoGroup({ ...options, bitsPerSecond: 2_000_000 });
    const types = accessUnits.map((unit) =>
      nalsOf(unit.map(({ payload }) => payload)).map((nal) => (nal[0] ?? 0) & 0x1f),
    );
    assert.deepEqual(types[0], [7, 8, 5, 12]);
    for (const unit of types.slice(1)) assert.deepEqual(unit, [1, 12]);
  });

  it('cannot be a single picture: two IDR pictures in a row would need different numbers (H.264 s.7.4.3)', () => {
    assert.throws(() => buildVideoGroup({ ...options, groupSeconds: 0.04, bitsPerSecond: 1e6 }), {
      code: 'USAGE',
    });
  });
});

describe('the RTP header (RFC 3550 s.5.1)', () => {
  const fields = { payloadType: 96, marker: true, seq: 0xabcd, rtpTime: 0x01020304, ssrc: 0xf1f2f3f4 };

  it('has its fields in their places', () => {
    const header = rtpHeader({ ...fields, sentMonoNs: undefined });
    assert.equal(header.toString('hex'), '80e0abcd01020304f1f2f3f4');
  });

  it('carries the send time as a one-byte header extension (RFC 8285 s.4.2)', () => {
    const header = rtpHeader({ ...fields, marker: false, sentMonoNs: 0x1122334455667788n });
    assert.equal(header.toString('hex'), '9060abcd01020304f1f2f3f4bede0003171122334455667788000000');
    assert.equal(header.length, stampedHeaderBytes);
  });
});

describe('the sender report', () => {
  const facts = { ssrc: 0x0a0b0c0d, nowMs: 500, rtpTime: 7, packets: 8, octets: 9, cname: 'weir' };

  it('is an SR with NTP and RTP time and counts, and an SDES with the CNAME (RFC 3550 s.6.4.1, s.6.5)', () => {
    const sr = '80c800060a0b0c0d83aa7e8080000000000000070000000800000009';
    const sdes = '81ca00030a0b0c0d0104776569720000';
    assert.equal(senderReport(facts, { bye: false }).toString('hex'), sr + sdes);
  });

  it('ends with a BYE at the end (RFC 3550 s.6.6)', () => {
    assert.match(senderReport(facts, { bye: true }).toString('hex'), /81cb00010a0b0c0d$/);
  });

  it('has at least one zero byte behind the CNAME, whatever its length', () => {
    for (const cname of ['a', 'ab', 'abc', 'abcd', 'abcde']) {
      const sdes = senderReport({ ...facts, cname }, { bye: false }).subarray(28);
      assert.equal(sdes.length, (sdes.readUInt16BE(2) + 1) * 4);
      assert.equal(sdes.at(-1), 0);
    }
  });
});

describe('the tone', () => {
  const cases = [
    [0, 0xff],
    [-1, 0x7f],
    [32_767, 0x80],
    [-32_768, 0x00],
    [1000, 0xce],
    [-1000, 0x4e],
  ] as const;
  for (const [sample, code] of cases) {
    it(`has ${sample} as 0x${code.toString(16)} (G.711 mu-law)`, () => assert.equal(muLaw(sample), code));
  }

  it('comes in packets of 20 ms, one a unit (RFC 3551 s.4.5.14)', () => {
    const content = toneContent(rtpHeaderBytes);
    for (const index of [0, 49, 50, 12_345]) {
      assert.deepEqual(
        content.unit(index).map(({ payload }) => payload.length),
        [160],
      );
    }
  });
});
