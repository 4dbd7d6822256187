import assert from 'node:assert/strict';
import type { InterceptionPlan } from '#hal';
import {
  interceptionRuleset,
  masqueradeRuleset,
  type NftCommand,
  parkedRuleset,
  removeBypass,
  renewBypass,
  renewPorts,
} from '../../../hal/linux/ruleset.ts';

const plan: InterceptionPlan = {
  accessDevice: 'lan0',
  wanDevice: 'wan0',
  ports: [554, 8554],
  listenPortV4: 18_554,
  listenPortV6: 18_556,
  whenDown: 'open',
};
const empty = { intercepting: false, bypasses: [] };

/** The rules of a chain, each as the statements and values that tell it from the others. */
function rules(commands: readonly NftCommand[], chain: string): readonly string[] {
  const found: string[] = [];
  for (const { add } of commands as ReadonlyArray<{ add?: { rule?: { chain: string; expr: object[] } } }>) {
    if (add?.rule?.chain === chain) found.push(add.rule.expr.map(word).join(' '));
  }
  return found;
}

function word(expression: object): string {
  const [[name, value] = ['', undefined]] = Object.entries(expression);
  if (name !== 'match') return value === null ? name : `${name} ${JSON.stringify(value)}`;
  const { op, left, right } = value as { op: string; left: object; right: unknown };
  return `${JSON.stringify(left).replaceAll(/["{}[\]]/g, '')} ${op} ${JSON.stringify(right).replaceAll('"', '')}`;
}

const elements = (commands: readonly NftCommand[]) =>
  (commands as ReadonlyArray<{ add?: { element?: { name: string; elem: unknown } } }>).flatMap(({ add }) =>
    add?.element ? [[add.element.name, add.element.elem]] : [],
  );

describe('the rules of the interception', () => {
  it('replace our own table only, in the order nft 1.0.6 needs', () => {
    const table = { table: { family: 'inet', name: 'weir' } };
    const commands = interceptionRuleset(plan, empty);
    assert.deepEqual(commands.slice(0, 3), [{ add: table }, { delete: table }, { add: table }]);
    assert.ok(!JSON.stringify(commands).includes('ruleset'));
    const tables = JSON.stringify(commands).match(/"table":"[^"]*"/g) ?? [];
    assert.deepEqual([...new Set(tables)], ['"table":"weir"']);
  });

  it('let what is not ours go first, then look at SYNs, then at our own sockets', () => {
    assert.deepEqual(
      rules(interceptionRuleset(plan, empty), 'arrive').map((rule) =>
        rule.replace(/mangle .*(?= accept)/, 'mark'),
      ),
      [
        'meta:key:iifname != {set:[lan0,wan0]} return',
        'meta:key:l4proto != {set:[tcp,udp,icmp,ipv6-icmp]} return',
        'meta:key:iifname == lan0 &:payload:protocol:tcp,field:flags,fin,syn,rst,ack == syn goto {"target":"dial"}',
        'socket:key:transparent == 1 mark accept',
      ],
    );
  });

  it('pass a SYN to the box and a bypassed one before they intercept', () => {
    const dial = rules(interceptionRuleset(plan, empty), 'dial');
    assert.equal(dial.length, 5);
    assert.match(dial[0] ?? '', /^fib:result:type,flags:daddr == local return$/);
    assert.match(dial[1] ?? '', /ip,field:daddr.* == @bypass4 return$/);
    assert.match(dial[2] ?? '', /ip6,field:daddr.* == @bypass6 return$/);
    assert.match(dial[3] ?? '', /ipv4 .*dport == @intercepted tproxy .*"127\.0\.0\.1","port":18554/);
    assert.match(dial[4] ?? '', /ipv6 .*dport == @intercepted tproxy .*"::1","port":18556/);
  });

  it('drop last of all, and only with `whenDown` closed', () => {
    const dial = rules(interceptionRuleset({ ...plan, whenDown: 'closed' }, empty), 'dial');
    assert.equal(dial.length, 6);
    assert.match(dial[5] ?? '', /dport == \{set:\[554,8554\]\} drop$/);
  });

  it('begin with no port intercepted, or go on with those of a running Weir', () => {
    assert.deepEqual(elements(interceptionRuleset(plan, empty)), []);
    const bypasses = [{ address: '2001:db8::1', port: 554, seconds: 60 }];
    assert.deepEqual(elements(interceptionRuleset(plan, { intercepting: true, bypasses })), [
      ['intercepted', [{ elem: { val: 554, timeout: 3 } }, { elem: { val: 8554, timeout: 3 } }]],
      ['bypass6', [{ elem: { val: { concat: ['2001:db8::1', 554] }, timeout: 60 } }]],
    ]);
  });

  it('are renewed by emptying the set and filling it in one batch', () => {
    const [first, second, ...rest] = renewPorts([554]);
    assert.deepEqual(first, { flush: { set: { family: 'inet', table: 'weir', name: 'intercepted' } } });
    assert.deepEqual(elements([second ?? {}]), [['intercepted', [{ elem: { val: 554, timeout: 3 } }]]]);
    assert.deepEqual(rest, []);
  });

  it('change a bypass so that it does not matter whether it was there', () => {
    const verbs = (commands: readonly NftCommand[]) => commands.map((command) => Object.keys(command)[0]);
    assert.deepEqual(verbs(renewBypass({ address: '192.0.2.1', port: 554, seconds: 5 })), [
      'add',
      'delete',
      'add',
    ]);
    assert.deepEqual(verbs(removeBypass('192.0.2.1', 554)), ['add', 'delete']);
  });

  it('leave nothing after a Weir that ends, or with `whenDown` closed only what drops', () => {
    const table = { table: { family: 'inet', name: 'weir' } };
    assert.deepEqual(parkedRuleset(plan, []), [{ add: table }, { delete: table }]);
    const closed = parkedRuleset({ ...plan, whenDown: 'closed' }, [
      { address: '192.0.2.1', port: 554, seconds: 9 },
    ]);
    assert.equal(rules(closed, 'arrive').length, 1);
    assert.match(rules(closed, 'dial').join('\n'), /bypass4 return\n.*bypass6 return\n.* drop$/s);
    assert.ok(!JSON.stringify(closed).match(/tproxy|socket/));
    assert.equal(elements(closed).length, 1);
  });

  it('masquerade in a table of its own', () => {
    const commands = masqueradeRuleset('wan0');
    assert.ok(!JSON.stringify(commands).includes('"weir"'));
    assert.deepEqual(rules(commands, 'leave'), ['meta:key:oifname == wan0 masquerade']);
  });
});
