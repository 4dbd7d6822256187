/**
 * Weir's nftables rules as plain data, in the JSON form of libnftables-json(5). Nothing here touches the kernel.
 *
 * What happens to a packet that comes in on `access` or `wan` (table `inet weir`, chain `arrive`):
 * - A viewer's SYN from `access` goes to chain `dial`. To the box itself, or to a bypassed address and port: forwarded
 *   or delivered as if Weir were not there. To a port that is an element of `intercepted`: `tproxy` gives it to our
 *   listener on loopback, and the mark makes the kernel deliver it here although its destination is foreign.
 * - With no listener (Weir is dead) `tproxy` does not match, and the SYN goes on to the next rule; with a Weir that is
 *   stopped or stuck the elements expire within 3 s. What then? `whenDown: open`: there is no further rule and the SYN
 *   is forwarded to the origin. `closed`: the last rule drops it.
 * - Any other packet, TCP, UDP or ICMP, of a socket of ours that has a foreign address (`socket transparent`) gets the
 *   mark and is delivered here: the rest of a viewer's connection; its hole punches, receiver reports, and ICMP errors
 *   about media; on `wan`, answers to a connection we made with a viewer's address. For ICMP errors the kernel looks up
 *   the packet inside.
 * - All else is not touched. A connection from before Weir started has no socket here and only its SYN could have been
 *   intercepted: it goes on through the box.
 *
 * SYNs are looked at before `socket transparent`, because a viewer may use a port again while our half of its last
 * connection is in TIME_WAIT: `tproxy` knows that case and takes the listener, `socket` would find the old socket.
 */
import type { InterceptionPlan } from '../interception.ts';

export const WEIR_TABLE = 'weir';
export const NAT_TABLE = 'weir_nat';
/** One bit, so that other users of the mark keep theirs. */
export const INTERCEPTED_MARK = 0x0100_0000;
/** How long the intercepted ports stay without a renewal. */
export const INTERCEPTED_SECONDS = 3;

/** One object of libnftables-json(5). */
export type NftCommand = Readonly<Record<string, unknown>>;
type Expression = Readonly<Record<string, unknown>>;

export interface Bypass {
  readonly address: string;
  readonly port: number;
  readonly seconds: number;
}

/** What lives in the sets and must outlive a replaced table. */
export interface SetContents {
  readonly intercepting: boolean;
  readonly bypasses: readonly Bypass[];
}

const weir = { family: 'inet', table: WEIR_TABLE } as const;
const access = (device: string): Expression => equal({ meta: { key: 'iifname' } }, device);
const equal = (left: unknown, right: unknown): Expression => ({ match: { op: '==', left, right } });
const unequal = (left: unknown, right: unknown): Expression => ({ match: { op: '!=', left, right } });
const payload = (protocol: string, field: string) => ({ payload: { protocol, field } });
const tcpPort = payload('tcp', 'dport');
const mark: Expression = {
  mangle: { key: { meta: { key: 'mark' } }, value: { '|': [{ meta: { key: 'mark' } }, INTERCEPTED_MARK] } },
};
const rule = (chain: string, ...expr: readonly Expression[]): NftCommand => ({
  add: { rule: { ...weir, chain, expr } },
});

/** Takes the place of whatever table of that name there is, in one transaction. nft 1.0.6 has no `destroy`. */
const freshTable = (family: string, name: string): readonly NftCommand[] => [
  { add: { table: { family, name } } },
  { delete: { table: { family, name } } },
  { add: { table: { family, name } } },
];

/** The whole table for a Weir that runs. */
export function interceptionRuleset(plan: InterceptionPlan, contents: SetContents): readonly NftCommand[] {
  const devices = { set: [plan.accessDevice, plan.wanDevice] };
  const protocols = { set: ['tcp', 'udp', 'icmp', 'ipv6-icmp'] };
  return [
    ...tableWithSets(),
    { add: { chain: { ...weir, name: 'dial' } } },
    {
      add: {
        chain: { ...weir, name: 'arrive', type: 'filter', hook: 'prerouting', prio: -150, policy: 'accept' },
      },
    },
    rule('arrive', unequal({ meta: { key: 'iifname' } }, devices), { return: null }),
    rule('arrive', unequal({ meta: { key: 'l4proto' } }, protocols), { return: null }),
    rule('arrive', access(plan.accessDevice), firstPacket, { goto: { target: 'dial' } }),
    rule('arrive', equal({ socket: { key: 'transparent' } }, 1), mark, { accept: null }),
    ...passedDials(),
    tproxy('ipv4', { family: 'ip', addr: '127.0.0.1', port: plan.listenPortV4 }),
    tproxy('ipv6', { family: 'ip6', addr: '::1', port: plan.listenPortV6 }),
    ...(plan.whenDown === 'closed' ? [dropDials(plan)] : []),
    ...(contents.intercepting ? addPorts(plan.ports) : []),
    ...contents.bypasses.flatMap((bypass) => addBypass(bypass)),
  ];
}

/** What stays when Weir ends in an orderly way: nothing, or with `closed` the drop rule. */
export function parkedRuleset(plan: InterceptionPlan, bypasses: readonly Bypass[]): readonly NftCommand[] {
  if (plan.whenDown === 'open') return removeTable('inet', WEIR_TABLE);
  return [
    ...tableWithSets(),
    { add: { chain: { ...weir, name: 'dial' } } },
    {
      add: {
        chain: { ...weir, name: 'arrive', type: 'filter', hook: 'prerouting', prio: -150, policy: 'accept' },
      },
    },
    rule('arrive', access(plan.accessDevice), firstPacket, { goto: { target: 'dial' } }),
    ...passedDials(),
    dropDials(plan),
    ...bypasses.flatMap((bypass) => addBypass(bypass)),
  ];
}

/**
 * Adding an element that is there does not renew its timeout (nft 1.0.6, Linux 6.18: 1.98 s left before, 1.98 s after).
 * Emptying the set and adding in one transaction does, and no packet sees the set empty: 150 renewals under 753,359
 * packets, none missed.
 */
export const renewPorts = (ports: readonly number[]): readonly NftCommand[] => [
  ...removePorts(),
  ...addPorts(ports),
];

/** Nothing is intercepted any more, before its time is over. */
export const removePorts = (): readonly NftCommand[] => [
  { flush: { set: { ...weir, name: 'intercepted' } } },
];

/** A bypass that is there already gets its new timeout: added so that it exists, deleted, added. */
export const renewBypass = (bypass: Bypass): readonly NftCommand[] => [
  ...addBypass(bypass),
  ...deleteBypass(bypass),
  ...addBypass(bypass),
];

/** Added first, because deleting an element that is not there fails. */
export const removeBypass = (address: string, port: number): readonly NftCommand[] => [
  ...addBypass({ address, port, seconds: 1 }),
  ...deleteBypass({ address, port }),
];

/**
 * Viewers' addresses behind the box's on `wan`, IPv4 only: IPv6 viewers have addresses of their own. No match on where
 * a packet comes from: a connection of ours with a viewer's address needs it as well. Its answers are found again by
 * `socket transparent`, which looks up what conntrack had before the translation.
 */
export const masqueradeRuleset = (wanDevice: string): readonly NftCommand[] => [
  ...freshTable('ip', NAT_TABLE),
  {
    add: {
      chain: {
        family: 'ip',
        table: NAT_TABLE,
        name: 'leave',
        type: 'nat',
        hook: 'postrouting',
        prio: 100,
        policy: 'accept',
      },
    },
  },
  {
    add: {
      rule: {
        family: 'ip',
        table: NAT_TABLE,
        chain: 'leave',
        expr: [equal({ meta: { key: 'oifname' } }, wanDevice), { masquerade: null }],
      },
    },
  },
];

/** Added first, because deleting a table that is not there fails. */
export const removeTable = (family: string, name: string): readonly NftCommand[] => [
  { add: { table: { family, name } } },
  { delete: { table: { family, name } } },
];

/** SYN and nothing else: the first packet of a connection. */
const firstPacket = equal({ '&': [payload('tcp', 'flags'), ['fin', 'syn', 'rst', 'ack']] }, 'syn');

const tableWithSets = (): readonly NftCommand[] => [
  ...freshTable('inet', WEIR_TABLE),
  {
    add: {
      set: {
        ...weir,
        name: 'intercepted',
        type: 'inet_service',
        flags: ['timeout'],
        timeout: INTERCEPTED_SECONDS,
      },
    },
  },
  { add: { set: { ...weir, name: 'bypass4', type: ['ipv4_addr', 'inet_service'], flags: ['timeout'] } } },
  { add: { set: { ...weir, name: 'bypass6', type: ['ipv6_addr', 'inet_service'], flags: ['timeout'] } } },
];

const passedDials = (): readonly NftCommand[] => [
  rule('dial', equal({ fib: { result: 'type', flags: ['daddr'] } }, 'local'), { return: null }),
  rule('dial', equal({ concat: [payload('ip', 'daddr'), tcpPort] }, '@bypass4'), { return: null }),
  rule('dial', equal({ concat: [payload('ip6', 'daddr'), tcpPort] }, '@bypass6'), { return: null }),
];

const tproxy = (nfproto: string, target: Expression): NftCommand =>
  rule(
    'dial',
    equal({ meta: { key: 'nfproto' } }, nfproto),
    equal(tcpPort, '@intercepted'),
    { tproxy: target },
    mark,
    { accept: null },
  );

const dropDials = (plan: InterceptionPlan): NftCommand =>
  rule('dial', equal(tcpPort, { set: [...plan.ports] }), { drop: null });

const addPorts = (ports: readonly number[]): readonly NftCommand[] => [
  {
    add: {
      element: {
        ...weir,
        name: 'intercepted',
        elem: ports.map((val) => ({ elem: { val, timeout: INTERCEPTED_SECONDS } })),
      },
    },
  },
];

const bypassSet = (address: string): string => (address.includes(':') ? 'bypass6' : 'bypass4');

const addBypass = ({ address, port, seconds }: Bypass): readonly NftCommand[] => [
  {
    add: {
      element: {
        ...weir,
        name: bypassSet(address),
        elem: [{ elem: { val: { concat: [address, port] }, timeout: seconds } }],
      },
    },
  },
];

const deleteBypass = ({ address, port }: Pick<Bypass, 'address' | 'port'>): readonly NftCommand[] => [
  {
    delete: {
      element: { ...weir, name: bypassSet(address), elem: [{ concat: [address, port] }] },
    },
  },
];
