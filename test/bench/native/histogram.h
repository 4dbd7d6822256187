/* Latencies in buckets that grow with the value: 32 to an octave, so a percentile is within 3 %. */
#pragma once
#include <stdint.h>

enum { HISTOGRAM_SUB = 32, HISTOGRAM_BUCKETS = 64 * HISTOGRAM_SUB };

struct histogram {
  uint64_t count;
  uint64_t max_ns;
  uint32_t bucket[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_index(uint64_t ns) {
  if (ns < HISTOGRAM_SUB) return (unsigned)ns;
  unsigned octave = 63 - (unsigned)__builtin_clzll(ns);
  unsigned sub = (unsigned)(ns >> (octave - 5)) & (HISTOGRAM_SUB - 1);
  return (octave - 4) * HISTOGRAM_SUB + sub;
}

/* The lower edge of a bucket. */
static inline uint64_t histogram_value(unsigned index) {
  if (index < HISTOGRAM_SUB) return index;
  unsigned octave = index / HISTOGRAM_SUB + 4;
  return (uint64_t)(HISTOGRAM_SUB + index % HISTOGRAM_SUB) << (octave - 5);
}

static inline void histogram_add(struct histogram *histogram, uint64_t ns) {
  histogram->count += 1;
  histogram->bucket[histogram_index(ns)] += 1;
  if (ns > histogram->max_ns) histogram->max_ns = ns;
}

static inline void histogram_merge(struct histogram *into, const struct histogram *from) {
  into->count += from->count;
  if (from->max_ns > into->max_ns) into->max_ns = from->max_ns;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) into->bucket[i] += from->bucket[i];
}

/* The value that `share` of all values do not exceed; 0 of an empty one. */
static inline uint64_t histogram_percentile(const struct histogram *histogram, double share) {
  uint64_t wanted = (uint64_t)(share * (double)histogram->count);
  uint64_t seen = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    seen += histogram->bucket[i];
    if (seen > wanted) return histogram_value(i);
  }
  return histogram->max_ns;
}
