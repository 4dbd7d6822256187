import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describeError, WeirError } from '#base';
import type { DeviceIdentity } from '../face.ts';
import { writeDurably } from './durable-file.ts';

/** The identity with its private half. */
export interface DeviceKey extends DeviceIdentity {
  /** Ed25519. */
  sign(bytes: Uint8Array): Buffer;
}

/**
 * Reads the device's key, or makes it at the first start. Where records may exist (`mustExist`) a missing key is an error:
 * a new identity could not vouch for them.
 */
export function loadDeviceKey(path: string, mustExist: boolean): DeviceKey {
  let pem: string | undefined;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw keyError(path, describeError(cause), cause);
  }
  if (pem !== undefined) return deviceKey(parse(path, pem));
  if (mustExist) throw keyError(path, 'it is missing, and there are records that it signed');
  const { privateKey } = generateKeyPairSync('ed25519');
  writeDurably(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  return deviceKey(privateKey);
}

function parse(path: string, pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw keyError(path, 'it is not a private key', cause);
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw keyError(path, `it is not Ed25519 but ${key.asymmetricKeyType}`);
  return key;
}

function deviceKey(privateKey: KeyObject): DeviceKey {
  const publicKey = createPublicKey(privateKey);
  const digest = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  return {
    id: `weir-${digest.slice(0, 16)}`,
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (bytes) => sign(null, bytes, privateKey),
  };
}

/** Every trouble with the key: it is never replaced, so a person has to act. */
export const keyError = (path: string, complaint: string, cause?: unknown): WeirError =>
  new WeirError('STORAGE_KEY', `the device key cannot be used: ${complaint}`, {
    fields: { path },
    advice:
      'put the key back from a backup; or, to begin anew under another identity, move the data folder away',
    cause,
  });
