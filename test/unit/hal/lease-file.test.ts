import assert from 'node:assert/strict';
import { parseLease } from '../../../hal/linux/lease-file.ts';

const v4 = [
  'reason=BOUND',
  'new_ip_address=192.0.2.110',
  'new_subnet_cidr=24',
  'new_routers=192.0.2.1',
  'new_domain_name_servers=192.0.2.53 192.0.2.54',
  'new_dhcp_server_identifier=192.0.2.1',
  'new_dhcp_lease_time=120',
];
const text = (...lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
/** The lines of `v4` with one of them said otherwise. */
const but = (line: string) =>
  text(...v4.map((one) => (one.startsWith(`${line.split('=')[0]}=`) ? line : one)));

describe('what the hook of dhcpcd leaves', () => {
  it('is a lease of DHCPv4 (RFC 2132)', () => {
    assert.deepEqual(parseLease(text(...v4), 4, 7), {
      family: 4,
      address: '192.0.2.110/24',
      server: '192.0.2.1',
      routers: ['192.0.2.1'],
      nameServers: ['192.0.2.53', '192.0.2.54'],
      obtainedAt: 7,
      seconds: 120,
    });
  });

  it('is a lease of DHCPv6, an address without a prefix (RFC 8415)', () => {
    const lines = [
      'reason=REBOOT6',
      'new_dhcp6_ia_na1_ia_addr1=2001:0db8:7::199',
      'new_dhcp6_ia_na1_ia_addr1_vltime=4294967295',
    ];
    const lease = parseLease(text(...lines, 'new_dhcp6_name_servers=2001:db8::53'), 6, 0);
    assert.deepEqual(
      [lease?.address, lease?.seconds, lease?.nameServers],
      ['2001:db8:7::199/128', undefined, ['2001:db8::53']],
    );
  });

  it('is none after EXPIRE, NAK, STOP, RELEASE, and before the first BOUND', () => {
    for (const reason of ['EXPIRE', 'NAK', 'STOP', 'RELEASE', 'EXPIRE6', 'PREINIT', 'FAIL', '', 'NOTBOUND']) {
      assert.equal(parseLease(but(`reason=${reason}`), 4, 0), undefined, reason);
    }
    for (const reason of ['BOUND', 'RENEW', 'REBIND', 'REBOOT', 'TIMEOUT']) {
      assert.ok(parseLease(but(`reason=${reason}`), 4, 0), reason);
    }
  });

  it('is none without an address and a prefix length, whatever the server says', () => {
    for (const line of [
      'new_ip_address=',
      'new_ip_address=999.1.1.1',
      'new_subnet_cidr=',
      'new_subnet_cidr=33',
      'new_subnet_cidr=x',
    ]) {
      assert.equal(parseLease(but(line), 4, 0), undefined, line);
    }
    for (const broken of ['', '\0\xff', 'reason=BOUND', '=\n=\n', 'x'.repeat(70_000)]) {
      assert.equal(parseLease(broken, 4, 0), undefined);
    }
  });

  it('names no server that is not an address: what is said ends up in resolv.conf', () => {
    const lease = parseLease(but('new_domain_name_servers=192.0.2.53 evil;reboot 1.2.3 option:x'), 4, 0);
    assert.deepEqual(lease?.nameServers, ['192.0.2.53']);
  });
});
