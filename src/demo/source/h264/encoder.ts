/**
 * A small H.264 encoder: constrained baseline, one slice a picture. A macroblock is sent as its samples (I_PCM) or, when
 * it has not changed, not at all (P_Skip), so that what a decoder shows is the picture to the bit.
 * Specification: ITU-T H.264; the section numbers here are its.
 */
import { BitWriter } from './bit-writer.ts';
import { nalTypes, nalUnit } from './nal.ts';
import type { Picture } from './picture.ts';

export interface VideoFormat {
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  /** Peak rate, for the level. */
  readonly bitsPerSecond: number;
}

const profileBaseline = 66;
/** constraint_set0_flag and constraint_set1_flag: constrained baseline. */
const constraintFlags = 0xc0;
/** Table A-1: level_idc and MaxBR, bits per second of NAL data in baseline. */
const levels: readonly (readonly [levelIdc: number, maxBitsPerSecond: number])[] = [
  [30, 10_000_000],
  [40, 20_000_000],
  [50, 135_000_000],
  [51, 240_000_000],
];

const levelIdc = (format: VideoFormat): number =>
  (levels.find(([, most]) => format.bitsPerSecond <= most) ?? [51])[0];

/** frame_num has 16 bits: a group may have as many pictures. */
const frameNumBits = 16;

/** Sequence parameter set (s.7.3.2.1.1). */
export function encodeSps(format: VideoFormat): Buffer {
  const bits = new BitWriter()
    .u(8, profileBaseline)
    .u(8, constraintFlags)
    .u(8, levelIdc(format))
    .ue(0) // seq_parameter_set_id
    .ue(frameNumBits - 4) // log2_max_frame_num_minus4
    .ue(2) // pic_order_cnt_type: shown in the order of decoding
    .ue(1) // max_num_ref_frames
    .u(1, 0) // gaps_in_frame_num_value_allowed_flag
    .ue(format.width / 16 - 1)
    .ue(format.height / 16 - 1)
    .u(1, 1) // frame_mbs_only_flag
    .u(1, 1) // direct_8x8_inference_flag
    .u(1, 0) // frame_cropping_flag
    .u(1, 1); // vui_parameters_present_flag
  // VUI (s.E.1.1): the frame rate, and that no picture waits for another one before it is shown.
  bits.u(1, 0).u(1, 0).u(1, 0).u(1, 0); // aspect ratio, overscan, video signal type, chroma location
  bits
    .u(1, 1)
    .u(32, 1)
    .u(32, 2 * format.framesPerSecond)
    .u(1, 1); // timing_info: a tick is a field
  bits.u(1, 0).u(1, 0).u(1, 0); // NAL HRD, VCL HRD, pic_struct
  bits.u(1, 1).u(1, 1).ue(0).ue(0).ue(16).ue(16).ue(0).ue(1); // bitstream_restriction: no reordering, one buffer
  return nalUnit(3, nalTypes.sps, bits.rbsp());
}

/** Picture parameter set (s.7.3.2.2). */
export function encodePps(): Buffer {
  const bits = new BitWriter()
    .ue(0) // pic_parameter_set_id
    .ue(0) // seq_parameter_set_id
    .u(1, 0) // entropy_coding_mode_flag: CAVLC
    .u(1, 0) // bottom_field_pic_order_in_frame_present_flag
    .ue(0) // num_slice_groups_minus1
    .ue(0) // num_ref_idx_l0_default_active_minus1
    .ue(0) // num_ref_idx_l1_default_active_minus1
    .u(1, 0) // weighted_pred_flag
    .u(2, 0) // weighted_bipred_idc
    .se(0) // pic_init_qp_minus26
    .se(0) // pic_init_qs_minus26
    .se(0) // chroma_qp_index_offset
    .u(1, 1) // deblocking_filter_control_present_flag: to switch the filter off
    .u(1, 0) // constrained_intra_pred_flag
    .u(1, 0); // redundant_pic_cnt_present_flag
  return nalUnit(3, nalTypes.pps, bits.rbsp());
}

/** profile-level-id of RFC 6184 s.8.1. */
export const profileLevelId = (format: VideoFormat): string =>
  Buffer.of(profileBaseline, constraintFlags, levelIdc(format)).toString('hex').toUpperCase();

/** A picture that stands for itself. */
export function encodeIdr(picture: Picture): Buffer {
  const bits = new BitWriter()
    .ue(0) // first_mb_in_slice
    .ue(7) // slice_type: I, as all slices of the picture
    .ue(0) // pic_parameter_set_id
    .u(frameNumBits, 0)
    .ue(0) // idr_pic_id: no two IDR pictures follow each other
    .u(1, 0) // no_output_of_prior_pics_flag
    .u(1, 0) // long_term_reference_flag
    .se(0) // slice_qp_delta
    .ue(1); // disable_deblocking_filter_idc
  for (let mb = 0; mb < macroblockCount(picture); mb++) {
    bits.ue(25); // mb_type: I_PCM (table 7-11)
    bits.align().bytes(macroblock(picture, mb));
  }
  return nalUnit(3, nalTypes.idrSlice, bits.rbsp());
}

/** What changed since `previous`, the picture before in the group. */
export function encodeP(picture: Picture, previous: Picture, frameNum: number): Buffer {
  const bits = new BitWriter()
    .ue(0) // first_mb_in_slice
    .ue(5) // slice_type: P, as all slices of the picture
    .ue(0) // pic_parameter_set_id
    .u(frameNumBits, frameNum)
    .u(1, 0) // num_ref_idx_active_override_flag
    .u(1, 0) // ref_pic_list_modification_flag_l0
    .u(1, 0) // adaptive_ref_pic_marking_mode_flag
    .se(0) // slice_qp_delta
    .ue(1); // disable_deblocking_filter_idc
  let skipped = 0;
  for (let mb = 0; mb < macroblockCount(picture); mb++) {
    const samples = macroblock(picture, mb);
    // Its neighbours are intra or skipped too, so that its predicted motion is none (s.8.4.1.1).
    if (Buffer.compare(samples, macroblock(previous, mb)) === 0) {
      skipped += 1;
      continue;
    }
    bits.ue(skipped); // mb_skip_run
    bits.ue(5 + 25); // mb_type: I_PCM in a P slice (table 7-13)
    bits.align().bytes(samples);
    skipped = 0;
  }
  if (skipped > 0) bits.ue(skipped);
  return nalUnit(2, nalTypes.slice, bits.rbsp());
}

const macroblockCount = ({ width, height }: Picture): number => (width / 16) * (height / 16);

/** The samples of one macroblock in the order of s.7.3.5: 256 luma, 64 Cb, 64 Cr. */
function macroblock({ width, height, planes }: Picture, index: number): Uint8Array {
  const samples = new Uint8Array(384);
  const column = index % (width / 16);
  const row = Math.floor(index / (width / 16));
  const copy = (to: number, from: number, stride: number, size: number) => {
    const start = from + row * size * stride + column * size;
    for (let line = 0; line < size; line++) {
      const at = start + line * stride;
      samples.set(planes.subarray(at, at + size), to + line * size);
    }
  };
  const chroma = width * height;
  copy(0, 0, width, 16);
  copy(256, chroma, width / 2, 8);
  copy(320, chroma + chroma / 4, width / 2, 8);
  return samples;
}
