/*
 * A switch port that carries a network as the VLAN of number VLAN, as two programs at tc ingress (this kernel may have no 802.1Q):
 * what comes out of the network is tagged and goes to the port; of what comes by the port only that VLAN's frames go to the network.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#define SECTION(name) __attribute__((section(name), used))

static long (*push)(void *packet, unsigned short protocol, unsigned short tag) = (void *)BPF_FUNC_skb_vlan_push;
static long (*pop)(void *packet) = (void *)BPF_FUNC_skb_vlan_pop;
static long (*redirect)(unsigned device, unsigned long flags) = (void *)BPF_FUNC_redirect;

SECTION("tc_to_port") int to_port(struct __sk_buff *packet) {
  if (push(packet, __builtin_bswap16(ETH_P_8021Q), VLAN) != 0) return TC_ACT_SHOT;
  return redirect(PORT, 0);
}

SECTION("tc_to_network") int to_network(struct __sk_buff *packet) {
  if (!packet->vlan_present || (packet->vlan_tci & 0xfff) != VLAN) return TC_ACT_SHOT;
  if (pop(packet) != 0) return TC_ACT_SHOT;
  return redirect(NETWORK, 0);
}
