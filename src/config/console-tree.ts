import type { BranchSchema } from './schema.ts';

/** How the box is talked to. */
export const consoleTree = {
  type: 'branch',
  help: 'the serial console',
  entries: {
    port: {
      type: 'string',
      form: 'path of a serial device like /dev/ttyS0',
      pattern: /^\/dev\/[\w./:-]{1,120}$/,
      help: 'serial port with the console on it; none: only `weir console` on the box itself',
    },
    baud: {
      type: 'enum',
      values: ['9600', '19200', '38400', '57600', '115200', '230400', '460800', '921600'],
      default: '115200',
      help: 'speed of the serial port in bit/s; 8 data bits, no parity, 1 stop bit',
    },
    guardMinutes: {
      type: 'integer',
      unit: 'minutes',
      min: 0,
      max: 60,
      default: 3,
      help: 'how long a commit that may lock somebody out waits for `confirm` before it goes back; 0: it does not',
    },
    idleMinutes: {
      type: 'integer',
      unit: 'minutes',
      min: 0,
      max: 1440,
      default: 15,
      help: 'a user who types nothing for so long is logged out; 0: never',
    },
    history: {
      type: 'integer',
      unit: 'lines',
      min: 0,
      max: 10_000,
      default: 500,
      help: 'typed lines that a session remembers',
    },
  },
} as const satisfies BranchSchema;
