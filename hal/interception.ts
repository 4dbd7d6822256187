import type { Closeable, Signal } from '#base';

export interface InterceptionPlan {
  readonly accessDevice: string;
  readonly wanDevice: string;
  /** TCP ports of origins that are intercepted. */
  readonly ports: readonly number[];
  /** Where our transparent listeners are: `127.0.0.1` and `::1` with these ports. */
  readonly listenPortV4: number;
  readonly listenPortV6: number;
  /** `open`: without a healthy Weir viewers reach the origin. `closed`: they reach nothing on these ports. */
  readonly whenDown: 'open' | 'closed';
}

/**
 * The rules that bring viewers' connections to us: Weir's own nftables table, one policy rule and one local route
 * per address family. The intercepted ports are set elements that expire by themselves unless renewed, so that
 * a Weir that is dead, stopped or stuck intercepts nothing.
 */
export interface Interception extends Closeable {
  /** Replaces the whole plan atomically. Nothing is intercepted before the first `renew`. */
  apply(plan: InterceptionPlan): Promise<void>;
  /** Keeps the ports intercepted for another 3 s. Called each second by a healthy Weir only. */
  renew(): Promise<void>;
  /** New connections to this address and port go past the box, in the kernel, for `seconds`. */
  bypass(address: string, port: number, seconds: number): Promise<void>;
  /** Takes a bypass back. */
  intercept(address: string, port: number): Promise<void>;
  /** Somebody else changed our rules or routes; they were put back. */
  readonly repaired: Signal<{ what: string }>;
  /** No new connection is intercepted from now on; those that are go on until `close`. */
  stop(): Promise<void>;
  /** Takes all rules and routes away; with `whenDown: closed` the drop rule stays. */
  close(): Promise<void>;
}

/** How the kernel forwards between the two NICs. Stays in force when Weir ends: the box must go on forwarding. */
export interface Forwarding {
  apply(options: { wanDevice: string; accessDevice: string; masquerade: boolean }): Promise<void>;
}
