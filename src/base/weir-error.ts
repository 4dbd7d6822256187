/**
 * Every failure Weir can name. A code is stable: tests, the console and operators' scripts compare it,
 * never the message.
 */
export const errorCodes = [
  'ALREADY_CLOSED',
  'COMMAND_FAILED',
  'CONFIG_BAD_VALUE',
  'CONFIG_CHANGED_MEANWHILE',
  'CONFIG_FILE_UNCERTAIN',
  'CONFIG_HALF_APPLIED',
  'CONFIG_NOTHING_TO_CONFIRM',
  'CONFIG_NOT_STORED',
  'CONFIG_NO_SUCH_COMMIT',
  'CONFIG_UNCONFIRMED',
  'CONFIG_UNREADABLE',
  'CONNECTION_BUSY',
  'CONSOLE_CLOSED',
  'CONSOLE_INTERRUPTED',
  'CONSOLE_NOBODY',
  'CONTROL_UNREACHABLE',
  'DATAPATH_BAD_ARGUMENT',
  'DATAPATH_FAILED',
  'DATAPATH_NOT_BUILT',
  'DESTINATION_IN_USE',
  'EXPORT_UNREADABLE',
  'IMAGE_DRIFT',
  'IMAGE_FAILED',
  'IMAGE_KEY',
  'IMAGE_LOCK',
  'IMAGE_NO_SPACE',
  'INTERCEPTION_FAILED',
  'LIMIT_REACHED',
  'MISSING_PROGRAM',
  'MISSING_RIGHTS',
  'NETLINK_FAILED',
  'NIC_MISSING',
  'NOT_AVAILABLE',
  'NOT_CONFIRMED',
  'NOT_READY',
  'NO_SUCH_DESTINATION',
  'NO_SUCH_SESSION',
  'ORIGIN_REFUSED',
  'ORIGIN_UNREACHABLE',
  'RTSP_BAD_MESSAGE',
  'RTSP_BAD_SDP',
  'SELF_TEST_FAILED',
  'SERIAL_PORT_FAILED',
  'SOCKET_FAILED',
  'STORAGE_BAD_ARGUMENT',
  'STORAGE_FAILED',
  'STORAGE_FULL',
  'STORAGE_KEY',
  'STORAGE_LOCKED',
  'TEST_FAILED',
  'TIMED_OUT',
  'UPDATE_BAD_BUNDLE',
  'UPDATE_BAD_SIGNATURE',
  'UPDATE_BUSY',
  'UPDATE_DOWNGRADE',
  'UPDATE_FAILED',
  'UPDATE_NO_SPACE',
  'UPDATE_OTHER_HARDWARE',
  'UPDATE_UNREACHABLE',
  'UPLOAD_FAILED',
  'UPLOAD_MISCONFIGURED',
  'UPLOAD_UNFIT',
  'USAGE',
  'VERB_FAILED',
] as const;
export type ErrorCode = (typeof errorCodes)[number];

/** Facts that go with an error: what, where, how much. Never secrets. */
export type ErrorFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** The one error class of Weir. The message says what happened; `advice` says what to do about it. */
export class WeirError extends Error {
  readonly code: ErrorCode;
  readonly fields: ErrorFields;
  readonly advice: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { fields?: ErrorFields; advice?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'WeirError';
    this.code = code;
    this.fields = options.fields ?? {};
    this.advice = options.advice;
  }

  /** One line for a person: what happened, where, what to do. */
  describe(): string {
    const facts = Object.entries(this.fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ');
    return [this.message, facts && `(${facts})`, this.advice && `-> ${this.advice}`]
      .filter(Boolean)
      .join(' ');
  }
}

/** True when `error` is ours and carries this code. */
export function isWeirError(error: unknown, code?: ErrorCode): error is WeirError {
  return error instanceof WeirError && (code === undefined || error.code === code);
}

/** Any thrown thing as one line. */
export function describeError(error: unknown): string {
  if (error instanceof WeirError) return error.describe();
  return error instanceof Error ? error.message : String(error);
}
