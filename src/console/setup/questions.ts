/** The questions of the first set-up, in their order. */
import { WeirError } from '#base';
import type { InterfaceStatus } from '../../operations/index.ts';
import { hashPassword, shortestPassword } from '../password.ts';
import type { Question, SetupFacts, SetWords } from './question.ts';

const nicQuestion = (role: 'wan' | 'access', toward: string): Question => ({
  name: role,
  text: () => `Which NIC is toward ${toward} (${role})?`,
  fallback: ({ nics, answers }) => {
    const taken = answers.get('wan');
    const left = nics.findIndex((nic, index) => role === 'wan' || !isMeant(nic, index, taken ?? ''));
    return left < 0 ? undefined : String(left + 1);
  },
  sets: (answer, facts) => {
    const nic = nicMeant(answer, facts);
    if (role === 'access' && nic === nicMeant(facts.answers.get('wan') ?? '', facts)) {
      throw bad(`${nic.device} is toward the IP network already`);
    }
    return [['interfaces', role, ...binding(nic)]];
  },
});

const addressQuestion = (role: 'wan' | 'access'): Question => ({
  name: `${role} address`,
  text: (facts) => {
    const { device, addresses } = nicMeant(facts.answers.get(role) ?? '', facts);
    const has = addresses.filter(isGlobal);
    const keep = has.length > 0 ? `, or keep (${has.join(' ')})` : '';
    return `Address of ${device}, like 192.0.2.2/24, or dhcp${keep}`;
  },
  fallback: (facts) =>
    nicMeant(facts.answers.get(role) ?? '', facts).addresses.some(isGlobal) ? 'keep' : 'dhcp',
  sets: (answer) => {
    if (answer === 'keep') return [];
    if (answer === 'dhcp') return [['interfaces', role, 'dhcp4', 'true']];
    return answer.split(/[\s,]+/).map((address) => ['interfaces', role, 'addresses', address]);
  },
});

/** `none` is said, as Enter alone is what a hurried technician types. */
const none = 'none';

export const questions: readonly Question[] = [
  nicQuestion('wan', 'the IP network and its origins'),
  nicQuestion('access', 'the viewers'),
  addressQuestion('wan'),
  {
    name: 'gateway',
    text: ({ answers }) =>
      /\d/.test(answers.get('wan address') ?? '') ? 'Default gateway, or none' : undefined,
    fallback: () => none,
    sets: (answer) => {
      if (answer === none) return [];
      const prefix = answer.includes(':') ? '::/0' : '0.0.0.0/0';
      return [['interfaces', 'wan', 'routes', prefix, 'via', answer]];
    },
  },
  {
    name: 'name servers',
    text: ({ answers }) =>
      /\d/.test(answers.get('wan address') ?? '') ? 'Name servers, or none' : undefined,
    fallback: () => none,
    sets: (answer) =>
      answer === none ? [] : answer.split(/[\s,]+/).map((server) => ['system', 'nameServers', server]),
  },
  addressQuestion('access'),
  {
    name: 'ports',
    text: () => 'TCP ports of the origins',
    fallback: () => '554 8554',
    sets: (answer) => answer.split(/[\s,]+/).map((port) => ['relay', 'rtsp', 'ports', port]),
  },
  {
    name: 'billing',
    text: () => 'Who gets the records: address of a RADIUS server, https:// URL of a collector, or none',
    fallback: () => none,
    sets: (answer) => {
      if (answer === none) return [];
      if (isUrl(answer)) return [['upload', 'https', 'billing', 'url', answer]];
      // The secret follows; without it the server would be asked in vain.
      return [['upload', 'radius', 'billing', 'servers', answer, 'secret', 'x']];
    },
  },
  {
    name: 'radius secret',
    text: ({ answers }) =>
      answers.get('billing') === none || isUrl(answers.get('billing') ?? '')
        ? undefined
        : 'Secret shared with the RADIUS server',
    secret: true,
    sets: (answer, { answers }) => [
      ['upload', 'radius', 'billing', 'servers', answers.get('billing') ?? '', 'secret', answer],
    ],
  },
  {
    name: 'token',
    text: ({ answers }) =>
      isUrl(answers.get('billing') ?? '') ? 'Bearer token for the collector; Enter: none' : undefined,
    fallback: () => '',
    secret: true,
    sets: (answer) => (answer === '' ? [] : [['upload', 'https', 'billing', 'token', answer]]),
  },
  {
    name: 'name',
    text: () => 'Name of this box',
    fallback: () => 'weir',
    sets: (answer) => [['system', 'name', answer]],
  },
  {
    name: 'user',
    text: () => 'Name of the administrator',
    fallback: () => 'admin',
    sets: (answer) => [['system', 'users', answer, 'class', 'administrator']],
  },
  {
    name: 'password',
    text: ({ answers }) => `Password of ${answers.get('user')}, at least ${shortestPassword} characters`,
    secret: true,
    sets: async (answer, { answers }) => [
      ['system', 'users', answers.get('user') ?? '', 'passwordHash', await hashPassword(answer)],
    ],
  },
  {
    name: 'password again',
    text: () => 'The same password again',
    secret: true,
    backTo: 'password',
    sets: (answer, { answers }): SetWords => {
      if (answer !== answers.get('password')) throw bad('these are two different passwords');
      return [];
    },
  },
];

/** By its number, its device name or its MAC address. */
function nicMeant(answer: string, { nics }: SetupFacts): InterfaceStatus {
  const nic = nics.find((one, index) => isMeant(one, index, answer));
  if (nic) return nic;
  throw bad(`"${answer}" is none of these NICs: answer 1 to ${nics.length}, or again to look at them anew`);
}

const isMeant = ({ device, mac }: InterfaceStatus, index: number, answer: string): boolean =>
  answer === String(index + 1) || answer === device || (mac !== '' && answer.toLowerCase() === mac);

/** Hardware by its place in the board: the name of a NIC may change with the kernel, its address with the NIC. */
function binding({ device, path, kind }: InterfaceStatus): readonly string[] {
  const place = path?.replace(/\/net\/[^/]+$/, '');
  if (kind !== null || place === undefined || place.startsWith('/devices/virtual/'))
    return ['device', device];
  return ['path', place];
}

const isGlobal = (address: string): boolean => !/^fe[89ab]|^169\.254\./i.test(address);

const isUrl = (text: string): boolean => /^https?:\/\//i.test(text);

const bad = (text: string): WeirError => new WeirError('CONFIG_BAD_VALUE', text);
