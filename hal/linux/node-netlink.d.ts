/** What Weir uses of node-netlink 0.0.4, as read in its source; the package has no types of its own. */
declare module 'node-netlink' {
  namespace netlink {
    /** Every number is a BigInt; a Number beside it is a TypeError. */
    interface NetlinkPacket {
      readonly header: {
        readonly nlmsg_type: bigint;
        readonly nlmsg_flags: bigint;
        readonly nlmsg_seq: bigint;
        readonly nlmsg_pid: bigint;
      };
      readonly payload: Buffer;
    }

    type PacketListener = (packet: NetlinkPacket) => void;

    interface NetlinkSocket {
      /** The kernel's name for this socket: the port id its answers carry. */
      readonly nl_pid: bigint;
      /** Sends one request with NLM_F_ACK and waits for its NLMSG_ERROR or NLMSG_DONE. */
      tryTalk(
        message: { header: { nlmsg_type: bigint; nlmsg_flags: bigint }; payload: Buffer },
        options: { timeout: number },
      ): Promise<unknown>;
      /** Adds a listener; hands back the emitter, as EventEmitter.on does. */
      on(event: 'message', listener: PacketListener): import('node:events').EventEmitter;
      close(): Promise<void>;
    }

    function open(options: { family: number; groups?: number }): Promise<NetlinkSocket>;
  }
  export = netlink;
}
