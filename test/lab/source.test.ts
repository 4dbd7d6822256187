import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { renderPicture } from '../../src/demo/source/h264/picture.ts';
import { type Source, startSource } from '../../src/demo/source/index.ts';

const frames = 60;
const groupFrames = 50;

/** Runs to its end, which must be a good one without a complaint. */
async function run(command: string, ...args: string[]): Promise<Buffer> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 25_000 });
  const printed: Buffer[] = [];
  let complaint = '';
  child.stdout.on('data', (bytes: Buffer) => printed.push(bytes));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  assert.deepEqual({ status, complaint }, { status: 0, complaint: '' });
  return Buffer.concat(printed);
}

describe('the demo source, seen by real players', function () {
  this.timeout(30_000);
  let source: Source;
  const rendered = Array.from({ length: groupFrames }, (_, index) =>
    createHash('md5').update(renderPicture(index, groupFrames).planes).digest('hex'),
  );

  before(async () => {
    source = await startSource({
      address: '127.0.0.1',
      port: 0,
      bitsPerSecond: 4e6,
      audio: true,
      stampPayload: true,
    });
  });
  after(() => source?.close());

  for (const transport of ['udp', 'tcp']) {
    it(`is decoded by ffmpeg over ${transport} to the very pictures that were drawn`, async () => {
      const decoded = await run(
        'ffmpeg',
        ...['-v', 'error', '-rtsp_transport', transport, '-i', source.url],
        ...['-map', '0:v', '-fps_mode', 'passthrough', '-frames:v', String(frames), '-f', 'framemd5', '-'],
      );
      const sums = [...decoded.toString().matchAll(/^0, .*, ([0-9a-f]{32})$/gm)].map(([, sum]) => sum);
      assert.deepEqual(
        sums,
        Array.from({ length: frames }, (_, index) => rendered[index % groupFrames]),
      );
    });
  }

  it('is described by ffprobe as constrained baseline H.264 at 25 frames a second, and PCMU', async () => {
    const shown = await run(
      'ffprobe',
      '-v',
      'error',
      '-show_streams',
      '-of',
      'json',
      '-rtsp_transport',
      'tcp',
      source.url,
    );
    const [video, audio] = JSON.parse(shown.toString()).streams;
    const { codec_name, profile, width, height, r_frame_rate, has_b_frames } = video;
    assert.deepEqual(
      { codec_name, profile, width, height, r_frame_rate, has_b_frames },
      {
        ...{ codec_name: 'h264', profile: 'Constrained Baseline', width: 160, height: 96 },
        ...{ r_frame_rate: '25/1', has_b_frames: 0 },
      },
    );
    assert.deepEqual([audio.codec_name, audio.sample_rate, audio.channels], ['pcm_mulaw', '8000', 1]);
  });

  it('has a tone of 440 Hz', async () => {
    const sound = await run(
      'ffmpeg',
      ...[
        '-v',
        'error',
        '-rtsp_transport',
        'tcp',
        '-i',
        source.url,
        '-map',
        '0:a',
        '-t',
        '1',
        '-f',
        's16le',
        '-',
      ],
    );
    assert.equal(sound.length, 16_000);
    const samples = Array.from({ length: 8000 }, (_, index) => sound.readInt16LE(index * 2));
    const crossings = samples.filter(
      (sample, index) => sample >= 0 !== (samples[index - 1] ?? sample) >= 0,
    ).length;
    assert.ok(Math.abs(crossings - 880) <= 1, `${crossings} zero crossings in a second`);
  });

  it('plays in GStreamer', async () => {
    await run(
      ...([
        'gst-launch-1.0',
        '-q',
        'rtspsrc',
        `location=${source.url}`,
        'protocols=udp',
        '!',
        'rtph264depay',
      ] as const),
      ...['!', 'avdec_h264', '!', 'fakesink', 'num-buffers=50'],
    );
  });
});
