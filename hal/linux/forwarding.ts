import { describeError, isWeirError, type Log, WeirError } from '#base';
import type { Forwarding } from '../interception.ts';
import type { Nft } from './nft.ts';
import { masqueradeRuleset, NAT_TABLE, removeTable } from './ruleset.ts';
import { readSysctl, writeSysctl } from './sysctl.ts';

type ForwardingOptions = Parameters<Forwarding['apply']>[0];

/** The kernel's forwarding between the two NICs, by /proc/sys and an nftables table that is not the interception's. */
export class LinuxForwarding implements Forwarding {
  readonly #nft: Nft;
  readonly #log: Log;

  constructor(options: { nft: Nft; log: Log }) {
    this.#nft = options.nft;
    this.#log = options.log;
  }

  async apply(options: ForwardingOptions): Promise<void> {
    for (const device of [options.wanDevice, options.accessDevice]) {
      if ((await readSysctl(`net/ipv4/conf/${device}/forwarding`)) !== undefined) continue;
      throw new WeirError('NIC_MISSING', `there is no NIC ${device}`, { fields: { device } });
    }
    const undo: Array<readonly [name: string, before: string]> = [];
    try {
      for (const [name, value] of forwardingSettings(options)) {
        const before = await writeSysctl(name, value);
        if (before !== undefined) undo.push([name, before]);
      }
      await this.#masquerade(options);
    } catch (error) {
      for (const [name, before] of undo.reverse()) {
        await writeSysctl(name, before).catch((failure) => {
          this.#log.error('setting not put back', { name, error: describeError(failure) });
        });
      }
      throw error;
    }
  }

  async #masquerade({ masquerade, wanDevice }: ForwardingOptions): Promise<void> {
    if (masquerade) return await this.#nft.apply(masqueradeRuleset(wanDevice), { check: true });
    try {
      await this.#nft.apply(removeTable('ip', NAT_TABLE));
    } catch (error) {
      // Without nft there is no such table; what needs nft says so itself.
      if (!isWeirError(error, 'MISSING_PROGRAM')) throw error;
    }
  }
}

/** Kernel settings in the order they must be made; those this kernel does not have are left out when written. */
export function forwardingSettings({
  wanDevice,
  accessDevice,
}: Pick<ForwardingOptions, 'wanDevice' | 'accessDevice'>): ReadonlyArray<readonly [string, string]> {
  const devices = [wanDevice, accessDevice];
  return [
    // A host that forwards ignores router advertisements, and forgets the default routes it had from them, unless
    // accept_ra is 2 before it begins to forward.
    [`net/ipv6/conf/${wanDevice}/accept_ra`, '2'],
    // Resets the settings of all NICs (RFC 1122, 1812 defaults), so it comes before them.
    ['net/ipv4/ip_forward', '1'],
    ['net/ipv6/conf/all/forwarding', '1'],
    ...devices.flatMap((device) => [
      [`net/ipv4/conf/${device}/forwarding`, '1'] as const,
      [`net/ipv6/conf/${device}/forwarding`, '1'] as const,
    ]),
    // Loose (RFC 3704 s.2.4). The stricter of `all` and the NIC counts as the higher number: 2 on the NIC is enough for
    // it, 2 on `all` keeps it for a NIC that appears again.
    ['net/ipv4/conf/all/rp_filter', '2'],
    ...devices.map((device) => [`net/ipv4/conf/${device}/rp_filter`, '2'] as const),
  ];
}
