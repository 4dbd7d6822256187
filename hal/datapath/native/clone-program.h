#pragma once

#include "bpf-program.h"

namespace weir {

/**
 * What runs where the access NIC sends (tc egress). It looks for the one packet, or run of packets to be segmented, that
 * a CloneTable describes; everything else passes. For each viewer of the table it asks the kernel for route, MTU and
 * neighbour, writes Ethernet destination, IP destination, UDP port and checksums, and gives a clone to the NIC. The
 * payload is not copied. Last, the original goes its way as it came.
 */
[[nodiscard]] BpfProgram cloneProgram(int tableFd);

}  // namespace weir
