import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { WeirError } from '#base';
import { maxHashMemoryBytes } from '../config/index.ts';

/** 32 MiB and about 0.1 s on the box: dear to whoever tries many, and no burden for one who logs in. */
const cost = { ln: 15, r: 8, p: 1 };
const saltBytes = 16;
const hashBytes = 32;
/** Shorter ones are guessed. */
export const shortestPassword = 8;

/**
 * `$scrypt$ln=15,r=8,p=1$SALT$HASH`, the form of password hashes that libraries share (PHC string format), base64 without padding.
 *
 * @throws {WeirError} CONFIG_BAD_VALUE for a password that is too short.
 */
export async function hashPassword(password: string): Promise<string> {
  if (password.length < shortestPassword) {
    throw new WeirError('CONFIG_BAD_VALUE', `a password has at least ${shortestPassword} characters`);
  }
  const salt = randomBytes(saltBytes);
  const hash = await derive(password, salt, hashBytes, { N: 2 ** cost.ln, r: cost.r, p: cost.p });
  return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Whether `password` is the one of `passwordHash`. No hash takes as long as a wrong password: a name is not told by the time. */
export async function checkPassword(password: string, passwordHash: string | undefined): Promise<boolean> {
  const [, ln, r, p, salt = '', hash = ''] =
    /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(passwordHash ?? '') ?? [];
  const known = hash !== '';
  const wanted = known ? Buffer.from(hash, 'base64') : Buffer.alloc(hashBytes);
  const options = known
    ? { N: 2 ** Number(ln), r: Number(r), p: Number(p) }
    : { N: 2 ** cost.ln, r: cost.r, p: cost.p };
  const found = await derive(password, Buffer.from(salt, 'base64'), wanted.length, options);
  return timingSafeEqual(found, wanted) && known;
}

/** Not the blocking one: the main thread serves viewers. */
function derive(password: string, salt: Buffer, length: number, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const limited = { ...options, maxmem: maxHashMemoryBytes };
    scrypt(password.normalize('NFC'), salt, length, limited, (error, hash) => {
      if (error) reject(error);
      else resolve(hash);
    });
  });
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
