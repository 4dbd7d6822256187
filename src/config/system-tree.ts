import { ipAddress } from './forms.ts';
import type { BranchSchema } from './schema.ts';

/** Memory that checking a password may take, whatever its hash asks for. */
export const maxHashMemoryBytes = 256 * 1024 * 1024;

/** What scrypt takes (RFC 7914 s.6): N blocks of 128 r bytes, two more to work in, and p of them. */
function hashFault(hash: string): string | undefined {
  const [ln = 0, r = 0, p = 0] = (/ln=(\d+),r=(\d+),p=(\d+)/.exec(hash) ?? []).slice(1).map(Number);
  const memoryBytes = 128 * r * (2 ** ln + 2 + p);
  return memoryBytes <= maxHashMemoryBytes
    ? undefined
    : `asks for more memory than a login may take (${maxHashMemoryBytes / 1024 / 1024} MiB)`;
}

/** The box itself, and who may log in to it. */
export const systemTree = {
  type: 'branch',
  help: 'the box itself',
  entries: {
    name: {
      type: 'string',
      form: 'host name (letters, digits, hyphens)',
      pattern: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i,
      default: 'weir',
      help: 'name of this box on the console and in logs',
    },
    nameServers: {
      type: 'list',
      maxItems: 3,
      of: { type: 'string', ...ipAddress, help: 'an address of a name server' },
      help: 'name servers, in the order they are asked in; those of DHCP come behind them',
    },
    logLevel: {
      type: 'enum',
      values: ['debug', 'info', 'warn', 'error'],
      default: 'info',
      help: 'how much is logged',
    },
    led: {
      type: 'string',
      form: 'name of an LED, or none',
      pattern: /^[^\s/.][^\s/]{0,62}$/,
      help: 'the LED that shows how the box is; unless one is named, the one that the board calls `status`',
    },
    resetButton: {
      type: 'branch',
      help: 'the button on the case that brings the box back to factory settings',
      entries: {
        enabled: { type: 'boolean', default: true, help: 'whether it does anything' },
        device: {
          type: 'string',
          form: 'name of an input device',
          pattern: /^[\x21-\x7e][\x20-\x7e]{0,79}$/,
          help: 'its device, as the kernel names it; none: whichever the board has (gpio-keys, adc-keys)',
        },
        key: {
          type: 'integer',
          min: 1,
          max: 767,
          default: 408,
          help: 'code of its key (linux/input-event-codes.h): 408 KEY_RESTART, 256 BTN_0',
        },
      },
    },
    realtime: {
      type: 'boolean',
      default: true,
      help: 'run the datapath under a realtime scheduler where the rights are there',
      live: false,
    },
    users: {
      type: 'list',
      key: 'name',
      maxItems: 64,
      help: 'who may log in on the serial console',
      of: {
        type: 'branch',
        help: 'one user',
        entries: {
          name: {
            type: 'string',
            form: 'user name (lower-case letters, digits, . _ -)',
            pattern: /^[a-z_][a-z0-9._-]{0,31}$/,
            help: 'name to log in with',
          },
          class: {
            type: 'enum',
            values: ['viewer', 'operator', 'administrator'],
            default: 'viewer',
            help: 'viewers look, operators act on sessions and deliveries, administrators change the configuration',
          },
          passwordHash: {
            type: 'string',
            form: 'scrypt hash like $scrypt$ln=15,r=8,p=1$SALT$HASH, in base64',
            pattern:
              /^\$scrypt\$ln=([1-9]|1\d|20),r=([1-9]|[12]\d|3[0-2]),p=([1-9]|1[0-6])\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{43,86}$/,
            fault: hashFault,
            secret: true,
            help: 'what the password is checked against; none: this user cannot log in',
          },
        },
      },
    },
  },
} as const satisfies BranchSchema;
