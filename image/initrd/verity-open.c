/*
 * verity-open DEVICE: makes /dev/dm-0 of a slot: what is read from it has the hash it was built with, or the machine restarts.
 *
 * A slot is a squashfs, padded to blocks; its hash tree (dm-verity, no superblock); one block that says how to check it, see
 * image/slot/trailer.ts. Where that block is follows from the size in the squashfs superblock.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { blockBytes = 4096, hashesPerBlock = blockBytes / 32, sectorBytes = 512 };

static int fail(const char *what) {
  fprintf(stderr, "verity-open: %s: %s\n", what, errno ? strerror(errno) : "not a slot");
  return 1;
}

/* Squashfs 4.0: magic at 0, bytes used at 40, little endian. */
static uint64_t dataBlocks(int slot) {
  uint8_t superblock[96];
  if (pread(slot, superblock, sizeof superblock, 0) != sizeof superblock || memcmp(superblock, "hsqs", 4) != 0) return 0;
  uint64_t used;
  memcpy(&used, superblock + 40, sizeof used);
  return (le64toh(used) + blockBytes - 1) / blockBytes;
}

static uint64_t hashBlocks(uint64_t blocks) {
  uint64_t total = 0;
  while (blocks > 1) {
    blocks = (blocks + hashesPerBlock - 1) / hashesPerBlock;
    total += blocks;
  }
  return total;
}

struct request {
  struct dm_ioctl header;
  struct dm_target_spec target;
  char parameters[1024];
};

static void prepare(struct request *request) {
  memset(request, 0, sizeof *request);
  request->header.version[0] = DM_VERSION_MAJOR;
  request->header.data_size = sizeof *request;
  request->header.data_start = sizeof request->header;
  strcpy(request->header.name, "slot");
}

int main(int count, char **arguments) {
  if (count != 2) return fail("usage: verity-open DEVICE");
  const char *device = arguments[1];
  int slot = open(device, O_RDONLY | O_CLOEXEC);
  if (slot < 0) return fail(device);

  errno = 0;
  uint64_t blocks = dataBlocks(slot);
  if (blocks < 2) return fail(device);
  char trailer[blockBytes + 1] = {0};
  off_t at = (off_t)((blocks + hashBlocks(blocks)) * blockBytes);
  if (pread(slot, trailer, blockBytes, at) != blockBytes) return fail(device);
  char rootHash[65], salt[65];
  unsigned long long covered;
  if (sscanf(trailer, "weir-slot 1\nblocks %llu\nroot-hash %64[0-9a-f]\nsalt %64[0-9a-f]\n", &covered, rootHash, salt) != 3 ||
      covered != blocks || strlen(rootHash) != 64 || strlen(salt) != 64)
    return fail(device);
  close(slot);

  int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
  if (control < 0) return fail("/dev/mapper/control");
  struct request request;
  prepare(&request);
  request.header.flags = DM_READONLY_FLAG;
  if (ioctl(control, DM_DEV_CREATE, &request) != 0) return fail("DM_DEV_CREATE");

  prepare(&request);
  request.header.flags = DM_READONLY_FLAG;
  request.header.target_count = 1;
  request.target.length = blocks * (blockBytes / sectorBytes);
  strcpy(request.target.target_type, "verity");
  request.target.next = sizeof request.target + sizeof request.parameters;
  /* A restart lets the boot loader count a try: a slot that cannot be read whole gives way to the other one. */
  snprintf(request.parameters, sizeof request.parameters, "1 %s %s %d %d %llu %llu sha256 %s %s 1 restart_on_corruption",
           device, device, blockBytes, blockBytes, (unsigned long long)blocks, (unsigned long long)blocks, rootHash, salt);
  if (ioctl(control, DM_TABLE_LOAD, &request) != 0) return fail("DM_TABLE_LOAD");

  prepare(&request); /* Neither flag: resume, with the table that was loaded. */
  if (ioctl(control, DM_DEV_SUSPEND, &request) != 0) return fail("DM_DEV_SUSPEND");
  return 0;
}
