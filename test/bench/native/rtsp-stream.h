/*
 * Parts the bytes of an RTSP connection into '$' frames, of which only the beginning is kept, and texts, which are
 * kept whole (RFC 2326 s.10.12), in whatever pieces they come.
 */
#pragma once
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FRAME_KEPT = 64, TEXT_MOST = 1 << 20 };

struct rtsp_stream {
  enum { STREAM_IDLE, STREAM_FRAME, STREAM_TEXT, STREAM_BROKEN } state;
  uint8_t frame[4 + FRAME_KEPT];
  uint32_t frame_have, frame_length; /* of the payload */
  char *text;
  size_t text_have, text_room, text_wanted; /* wanted: 0 until the head is whole */
};

struct rtsp_sink {
  void (*frame)(void *context, uint8_t channel, const uint8_t *bytes, uint32_t have, uint32_t length);
  void (*text)(void *context, const char *text, size_t length);
  void *context;
};

static inline void rtsp_stream_free(struct rtsp_stream *stream) { free(stream->text); }

static inline size_t rtsp_content_length(const char *head, size_t length) {
  static const char name[] = "\ncontent-length:";
  for (size_t at = 0; at + sizeof name - 1 < length; at++) {
    if (strncasecmp(head + at, name, sizeof name - 1) == 0) return strtoul(head + at + sizeof name - 1, NULL, 10);
  }
  return 0;
}

/* Takes one byte of text; true when the message is whole. */
static inline bool rtsp_text_byte(struct rtsp_stream *stream, char byte) {
  if (stream->text_have + 1 >= stream->text_room) {
    stream->text_room = stream->text_room ? stream->text_room * 2 : 4096;
    char *larger = stream->text_room > TEXT_MOST ? NULL : realloc(stream->text, stream->text_room);
    if (!larger) {
      stream->state = STREAM_BROKEN;
      return false;
    }
    stream->text = larger;
  }
  stream->text[stream->text_have++] = byte;
  stream->text[stream->text_have] = 0;
  if (!stream->text_wanted && byte == '\n' && stream->text_have >= 4 &&
      memcmp(stream->text + stream->text_have - 4, "\r\n\r\n", 4) == 0) {
    stream->text_wanted = stream->text_have + rtsp_content_length(stream->text, stream->text_have);
  }
  return stream->text_wanted && stream->text_have >= stream->text_wanted;
}

static inline void rtsp_stream_take(struct rtsp_stream *stream, const uint8_t *bytes, size_t length,
                                    const struct rtsp_sink *sink) {
  for (size_t at = 0; at < length && stream->state != STREAM_BROKEN;) {
    if (stream->state == STREAM_IDLE) {
      if (bytes[at] == '$') {
        stream->state = STREAM_FRAME;
        stream->frame_have = 0;
      } else if (bytes[at] == '\r' || bytes[at] == '\n') {
        at += 1;
      } else {
        stream->state = STREAM_TEXT;
        stream->text_have = stream->text_wanted = 0;
      }
    } else if (stream->state == STREAM_TEXT) {
      if (rtsp_text_byte(stream, (char)bytes[at++])) {
        sink->text(sink->context, stream->text, stream->text_have);
        stream->state = STREAM_IDLE;
      }
    } else if (stream->frame_have < 4) {
      stream->frame[stream->frame_have++] = bytes[at++];
      if (stream->frame_have == 4) stream->frame_length = (uint32_t)(stream->frame[2] << 8 | stream->frame[3]);
    } else {
      uint32_t got = stream->frame_have - 4;
      size_t left = stream->frame_length - got;
      size_t now = length - at < left ? length - at : left;
      if (got < FRAME_KEPT) {
        size_t kept = now < FRAME_KEPT - got ? now : FRAME_KEPT - got;
        memcpy(stream->frame + 4 + got, bytes + at, kept);
      }
      stream->frame_have += (uint32_t)now;
      at += now;
    }
    if (stream->state == STREAM_FRAME && stream->frame_have >= 4 && stream->frame_have - 4 == stream->frame_length) {
      uint32_t have = stream->frame_length < FRAME_KEPT ? stream->frame_length : FRAME_KEPT;
      sink->frame(sink->context, stream->frame[1], stream->frame + 4, have, stream->frame_length);
      stream->state = STREAM_IDLE;
    }
  }
}
