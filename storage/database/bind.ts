import { WeirError } from '#base';

/** SQLite's integers are signed 64-bit. */
const limit = 2n ** 63n;

/** A whole number fit to be bound. SQLite would take NaN and undefined for NULL without a word. */
export function integer(name: string, value: unknown): bigint {
  const whole =
    typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : undefined;
  if (whole === undefined || whole < -limit || whole >= limit)
    throw badArgument(name, value, 'no 64-bit integer');
  return whole;
}

/** As `integer`, and not below zero: a counter. */
export function count(name: string, value: unknown): bigint {
  const whole = integer(name, value);
  if (whole < 0n) throw badArgument(name, value, 'below zero');
  return whole;
}

/** Text without halves of characters, which would not come back as they went. */
export function text(name: string, value: unknown, maxLength = 1_000_000): string {
  if (typeof value !== 'string') throw badArgument(name, typeof value, 'no text');
  if (value.length === 0 || value.length > maxLength)
    throw badArgument(name, value.length, 'empty or too long');
  if (!value.isWellFormed()) throw badArgument(name, value.length, 'not well-formed Unicode');
  return value;
}

export function flag(name: string, value: unknown): bigint {
  if (typeof value !== 'boolean') throw badArgument(name, typeof value, 'neither true nor false');
  return value ? 1n : 0n;
}

/** One of a closed set. */
export function oneOf(name: string, value: unknown, allowed: readonly string[]): void {
  if (!allowed.includes(value as string)) throw badArgument(name, value, `none of ${allowed.join(', ')}`);
}

const badArgument = (name: string, value: unknown, complaint: string): WeirError =>
  new WeirError('STORAGE_BAD_ARGUMENT', `${name}: ${complaint}`, { fields: { value: String(value) } });
