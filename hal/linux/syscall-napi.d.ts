/** What Weir uses of syscall-napi 0.0.6, as read in its source; the package has no types of its own. */
declare module 'syscall-napi' {
  const native: {
    readonly syscall: {
      /** On the calling thread. Throws an Error whose message is strerror(3)'s. Pointers are Buffers. */
      sync(number: bigint, ...args: readonly (bigint | Buffer)[]): bigint;
    };
    readonly __NR_adjtimex: bigint;
    readonly __NR_close: bigint;
    readonly __NR_ioctl: bigint;
    readonly __NR_sendto: bigint;
    readonly __NR_setsockopt: bigint;
    readonly __NR_socket: bigint;
  };
  export = native;
}
