import assert from 'node:assert/strict';
import { done, type Presentation, TerminateCause } from '../../../src/protocol/index.ts';
import { presentationOf } from '../protocol/rtsp/presentation-of.ts';
import { caller, Stage, settled, target } from './scripted.ts';

/** What a description has; each item is one or more lines. */
interface Description {
  readonly session: string;
  readonly video: string;
  readonly audio: string;
  readonly more: string;
}

const track = (media: string, rtpmap: string, fmtp = ''): string =>
  `m=${media} 0 RTP/AVP 96\r\na=rtpmap:96 ${rtpmap}\r\n${fmtp === '' ? '' : `a=fmtp:96 ${fmtp}\r\n`}`;

const h264 = (fmtp: string): Partial<Description> => ({ video: track('video', 'H264/90000', fmtp) });
const h265 = (fmtp: string): Partial<Description> => ({ video: track('video', 'H265/90000', fmtp) });
const audio = (rtpmap: string, fmtp?: string): Partial<Description> => ({
  audio: track('audio', rtpmap, fmtp),
});
const aac = (fmtp: string, channels = '/2'): Partial<Description> =>
  audio(`mpeg4-generic/48000${channels}`, fmtp);

const aacHbr =
  'streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=119056E500';

function described(parts: Partial<Description>): Presentation {
  const usual = { session: '', video: track('video', 'H264/90000'), audio: track('audio', 'opus/48000/2') };
  const { session, video, audio, more } = { ...usual, more: '', ...parts };
  return presentationOf(`v=0\r\ns=Live\r\n${session}${video}${audio}${more}`, target.url);
}

/** A stage with one viewer who knows `before`, and whose source has come back with `now`. */
async function changed(
  before: Partial<Description>,
  now: Partial<Description>,
  { parameterSets = 1n, sends = 'media' }: Partial<Pick<Stage, 'parameterSets' | 'sends'>> = {},
): Promise<Stage> {
  const stage = new Stage();
  stage.parameterSets = parameterSets;
  stage.script.describe = async () => done(described(before));
  assert.ok((await stage.watch(caller(1))).ok);
  stage.lastRxMonoNs = stage.clock.monoNs();
  stage.script.describe = async () => done(described(now));
  stage.sends = sends;
  stage.sessions[0]?.ended.emit({ text: 'scripted' });
  await settled();
  await stage.clock.pass(1000);
  return stage;
}

/** The description that the next viewer gets. */
async function toldAnew(stage: Stage): Promise<Uint8Array> {
  const told = await stage.monitor.describe(caller(2), target, { uri: target.url, authorization: undefined });
  assert.ok(told.ok);
  return told.value.description;
}

type Case = readonly [what: string, before: Partial<Description>, now: Partial<Description>];

const followed: readonly Case[] = [
  ['the same', aac(aacHbr), aac(aacHbr)],
  [
    'the same in another case, order and spacing (RFC 4855 s.3)',
    aac(aacHbr),
    audio(
      'MPEG4-GENERIC/48000/2',
      'Config=119056e500; IndexDeltaLength=3; IndexLength = 3; SizeLength=13; mode=AAC-hbr; profile-level-id=1; streamtype=5;',
    ),
  ],
  ['one channel, said or not (RFC 4566 s.6)', audio('L16/48000'), audio('L16/48000/1')],
  [
    'a static payload type, said or not (RFC 3551 s.6)',
    { audio: 'm=audio 0 RTP/AVP 10 0\r\n' },
    { audio: 'm=audio 0 RTP/AVP 10 0\r\na=rtpmap:10 L16/44100/2\r\na=rtpmap:0 pcmu/8000\r\n' },
  ],
  [
    'AAC of another level, its configuration the same (RFC 3640 s.4.1)',
    aac(aacHbr),
    aac(aacHbr.replace('level-id=1', 'level-id=41')),
  ],
  [
    'Opus with other hints (RFC 7587 s.6.1)',
    audio('opus/48000/2'),
    audio('opus/48000/2', 'stereo=1;sprop-stereo=1;useinbandfec=1'),
  ],
  [
    'H.264 with other parameter sets (RFC 6184 s.8.1)',
    h264('packetization-mode=1;profile-level-id=64001f;sprop-parameter-sets=Z2QAH6zZQFAFuw==,aOvjyyLA'),
    h264('packetization-mode=1;profile-level-id=640028;sprop-parameter-sets=Z2QAKKzZQHgCJw==,aOvjyyLA'),
  ],
  [
    'H.264 without its parameter sets (RFC 6184 s.8.1)',
    h264('packetization-mode=1;sprop-parameter-sets=Z2QAH6zZQFAFuw==,aOvjyyLA'),
    h264('packetization-mode=1'),
  ],
  [
    'H.264 in single NAL unit mode after non-interleaved mode (RFC 6184 s.6.2)',
    h264('packetization-mode=1'),
    h264('packetization-mode=0'),
  ],
  ['H.264 without a mode after mode 0 (RFC 6184 s.8.1)', h264('packetization-mode=0'), h264('')],
  [
    'H.265 with other parameter sets (RFC 7798 s.7.1)',
    h265('profile-id=1;level-id=93;sprop-vps=QAEM;sprop-sps=QgEB;sprop-pps=RAHA'),
    h265('profile-id=1;level-id=120;sprop-vps=QAEM;sprop-sps=QgEC;sprop-pps=RAHB'),
  ],
];

const ended: readonly Case[] = [
  ['without one of its tracks', {}, { audio: '' }],
  ['with one track more', {}, { more: track('audio', 'opus/48000/2') }],
  ['as a recording, with an end (RFC 2326 s.C.1.5)', {}, { session: 'a=range:npt=0-60\r\n' }],
  [
    'with its tracks in another order',
    {},
    { video: track('audio', 'opus/48000/2'), audio: track('video', 'H264/90000') },
  ],
  ['of another codec', {}, h265('')],
  ['of another clock rate', audio('L16/48000/2'), audio('L16/44100/2')],
  ['of other channels (RFC 3640 s.4.1)', aac(aacHbr), aac(aacHbr, '/6')],
  ['with its channels no longer said', audio('L16/48000/2'), audio('L16/48000')],
  ['with another AAC configuration (RFC 3640 s.4.1)', aac(aacHbr), aac(aacHbr.replace('1190', '11B0'))],
  [
    'with another AAC size field (RFC 3640 s.4.1)',
    aac(aacHbr),
    aac(aacHbr.replace('sizelength=13', 'sizelength=6')),
  ],
  ['with an AAC header field more (RFC 3640 s.4.1)', aac(aacHbr), aac(`${aacHbr};CTSDeltaLength=16`)],
  [
    'with another LATM configuration (RFC 6416 s.7.3)',
    audio('MP4A-LATM/48000/2', 'cpresent=0;config=400023203FC0'),
    audio('MP4A-LATM/48000/2', 'cpresent=0;config=400024203FC0'),
  ],
  [
    'in packets of a mode the viewer was not told of (RFC 6184 s.6.2)',
    h264('packetization-mode=0'),
    h264('packetization-mode=1'),
  ],
  ['in such packets, no mode having been said (RFC 6184 s.8.1)', h264(''), h264('packetization-mode=1')],
  [
    'in interleaved mode (RFC 6184 s.6.4)',
    h264('packetization-mode=1'),
    h264('packetization-mode=2;sprop-interleaving-depth=2'),
  ],
  [
    'no longer in interleaved mode (RFC 6184 s.6.4)',
    h264('packetization-mode=2'),
    h264('packetization-mode=1'),
  ],
  [
    'in an order that needs another buffer (RFC 7798 s.7.1)',
    h265('sprop-max-don-diff=1'),
    h265('sprop-max-don-diff=8'),
  ],
  [
    'with another parameter of a codec nobody knows',
    { video: track('video', 'X-LAB/90000', 'a=1') },
    { video: track('video', 'X-LAB/90000', 'a=2') },
  ],
  [
    'with a value in another case, of a codec nobody knows',
    { video: track('video', 'X-LAB/90000', 'a=b') },
    { video: track('video', 'X-LAB/90000', 'a=B') },
  ],
  [
    'with its second payload type another one',
    { audio: 'm=audio 0 RTP/AVP 0 97\r\na=rtpmap:97 opus/48000/2\r\n' },
    { audio: 'm=audio 0 RTP/AVP 0 97\r\na=rtpmap:97 L16/48000/2\r\n' },
  ],
];

describe('Feed: a source that comes back changed', () => {
  for (const [what, before, now] of followed) {
    it(`goes on when what comes back is ${what}`, async () => {
      const stage = await changed(before, now);
      assert.deepEqual(stage.monitor.endedViewers(), []);
      assert.equal(stage.monitor.feeds()[0]?.feed?.reconnecting, false);
      assert.deepEqual(stage.sessions[1]?.requests, ['DESCRIBE -', 'SETUP 0 -', 'SETUP 1 -', 'PLAY -']);
      assert.deepEqual(stage.paths[0]?.calls, ['play']);
      assert.deepEqual(await toldAnew(stage), described(now).description);
    });
  }

  for (const [what, before, now] of ended) {
    it(`ends its viewers with a goodbye and a cause, and asks no more, when it comes back ${what}`, async () => {
      const stage = await changed(before, now);
      const causes = stage.monitor.endedViewers().map(({ outcome }) => outcome?.cause);
      assert.deepEqual(causes, [TerminateCause.lostService]);
      assert.deepEqual(stage.paths[0]?.calls, ['play', 'pause', 'close with BYE']);
      assert.deepEqual(stage.sessions[1]?.requests, ['DESCRIBE -', 'close']);
      assert.equal(stage.monitor.feeds().length, 0);
      await stage.clock.pass(10_000);
      assert.equal(stage.sessions.length, 2);
    });
  }

  const setsAlone: readonly Case[] = [
    [
      'H.264',
      h264('sprop-parameter-sets=Z2QAH6zZQFAFuw==,aOvjyyLA'),
      h264('sprop-parameter-sets=Z2QAKKzZ,aOvjyyLA'),
    ],
    [
      'H.265',
      h265('sprop-vps=QAEM;sprop-sps=QgEB;sprop-pps=RAHA'),
      h265('sprop-vps=QAEM;sprop-sps=QgEB;sprop-pps=RAHB'),
    ],
  ];
  for (const [codec, before, now] of setsAlone) {
    it(`ends its viewers when other parameter sets of ${codec} are described and none come in band`, async () => {
      const stage = await changed(before, now, { parameterSets: 0n });
      const causes = stage.monitor.endedViewers().map(({ outcome }) => outcome?.cause);
      assert.deepEqual(causes, [TerminateCause.lostService]);
      assert.deepEqual(stage.paths[0]?.calls, ['play', 'pause', 'close with BYE']);
      await stage.clock.pass(10_000);
      assert.equal(stage.sessions.length, 2);
    });

    it(`ends them so when the first attempt to play it has brought nothing, with ${codec}`, async () => {
      const stage = await changed(before, now, { parameterSets: 0n, sends: 'nothing' });
      assert.deepEqual(stage.monitor.endedViewers(), []);
      stage.sends = 'media';
      stage.sessions[1]?.ended.emit({ text: 'scripted' });
      await settled();
      await stage.clock.pass(2000);
      assert.equal(stage.sessions.length, 3);
      assert.deepEqual(stage.paths[0]?.calls, ['play', 'pause', 'close with BYE']);
    });

    it(`goes on when the same parameter sets of ${codec}, or none, are described and none come in band`, async () => {
      for (const now of [before, codec === 'H.264' ? h264('') : h265('')]) {
        const stage = await changed(before, now, { parameterSets: 0n });
        assert.deepEqual(stage.monitor.endedViewers(), []);
        assert.deepEqual(stage.paths[0]?.calls, ['play']);
      }
    });
  }

  it('is there for a new viewer, as it is now', async () => {
    const stage = await changed(aac(aacHbr), aac(aacHbr, '/6'));
    assert.match(Buffer.from(await toldAnew(stage)).toString(), /mpeg4-generic\/48000\/6/);
  });
});
