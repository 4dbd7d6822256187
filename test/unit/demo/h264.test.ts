import assert from 'node:assert/strict';
import { BitWriter } from '../../../src/demo/source/h264/bit-writer.ts';
import { encodeIdr, encodeP } from '../../../src/demo/source/h264/encoder.ts';
import { fillerNal, nalUnit } from '../../../src/demo/source/h264/nal.ts';
import { pictureHeight, pictureWidth, renderPicture } from '../../../src/demo/source/h264/picture.ts';

const bitsOf = (writer: BitWriter): string =>
  [...writer.rbsp()]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('')
    .replace(/10*$/, ''); // the stop bit and its zeros

describe('the H.264 bit strings', () => {
  const expGolomb = [
    [0, '1'],
    [1, '010'],
    [2, '011'],
    [3, '00100'],
    [6, '00111'],
    [7, '0001000'],
    [25, '000011010'],
    [65_534, '0000000000000001111111111111111'],
  ] as const;
  for (const [value, bits] of expGolomb) {
    it(`write ue(v) ${value} as ${bits} (H.264 table 9-2)`, () => {
      assert.equal(bitsOf(new BitWriter().ue(value)), bits);
    });
  }

  it('write se(v) in the order 0, 1, -1, 2, -2 (H.264 table 9-3)', () => {
    for (const [index, value] of [0, 1, -1, 2, -2].entries()) {
      assert.equal(bitsOf(new BitWriter().se(value)), bitsOf(new BitWriter().ue(index)));
    }
  });

  it('write all 32 bits of u(32)', () => {
    assert.equal(bitsOf(new BitWriter().u(32, 0xdead_beef)), (0xdead_beef).toString(2));
  });

  it('align with zero bits and take whole bytes after it', () => {
    assert.deepEqual(
      [...new BitWriter().u(3, 7).align().bytes(Uint8Array.of(1, 2)).rbsp()],
      [0xe0, 1, 2, 0x80],
    );
  });
});

describe('a NAL unit', () => {
  const cases = [
    {
      name: 'nothing where there is nothing to hide',
      rbsp: [1, 0, 4, 0, 0, 4],
      nal: [0x65, 1, 0, 4, 0, 0, 4],
    },
    { name: 'a 3 before 0, 1, 2 and 3 after two zeros', rbsp: [0, 0, 1], nal: [0x65, 0, 0, 3, 1] },
    {
      name: 'a 3 into a row of zeros, more than once',
      rbsp: [0, 0, 0, 0, 0],
      nal: [0x65, 0, 0, 3, 0, 0, 3, 0],
    },
    { name: 'a 3 before a 3', rbsp: [0, 0, 3, 0], nal: [0x65, 0, 0, 3, 3, 0] },
  ];
  for (const { name, rbsp, nal } of cases) {
    it(`gets ${name} (H.264 s.7.4.1)`, () => {
      assert.deepEqual([...nalUnit(3, 5, Uint8Array.from(rbsp))], nal);
    });
  }

  it('of filler data is as long as asked for and ends with the stop bit (H.264 s.7.3.2.7)', () => {
    assert.deepEqual([...fillerNal(3)], [12, 0xff, 0x80]);
    assert.equal(fillerNal(5000).length, 5000);
  });
});

describe('the encoder', () => {
  const count = 50;
  const macroblocks = (pictureWidth / 16) * (pictureHeight / 16);

  it('sends every sample in an IDR picture', () => {
    assert.ok(encodeIdr(renderPicture(0, count)).length > macroblocks * 384);
  });

  it('sends nothing of a picture that has not changed', () => {
    const picture = renderPicture(3, count);
    assert.ok(encodeP(picture, picture, 4).length < 12);
  });

  it('sends only what changed of a picture that has', () => {
    const changed = encodeP(renderPicture(4, count), renderPicture(3, count), 4).length;
    assert.ok(changed > 384 && changed < (macroblocks / 3) * 384, `${changed} bytes`);
  });
});

describe('the picture', () => {
  it('moves with every frame and begins again where it ended', () => {
    const pictures = Array.from({ length: 51 }, (_, index) => renderPicture(index, 50).planes);
    for (let index = 1; index < 50; index++) {
      assert.ok(
        Buffer.compare(pictures[index] ?? Buffer.of(), pictures[index - 1] ?? Buffer.of()) !== 0,
        `${index}`,
      );
    }
    const boxAt = (planes: Uint8Array | undefined) => [...(planes ?? [])].slice(0, pictureWidth * 80);
    assert.deepEqual(boxAt(pictures[50]), boxAt(pictures[0]));
  });

  it('has no sample of 0 (I_PCM in the first edition of H.264)', () => {
    assert.ok(!renderPicture(7, 50).planes.includes(0));
  });
});
