import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '#base';
import { run } from '../program.ts';

/** Who signs updates, and whom a gateway believes. */
export interface SigningKeys {
  readonly key: string;
  readonly certificate: string;
  /** Certificates that are put into the image. */
  readonly keyring: string;
}

const names = { key: 'signing.key.pem', certificate: 'signing.cert.pem', keyring: 'keyring.pem' };

/** The keys in `folder`; made there at the first build when nobody brought any. */
export async function openKeys(folder: string, options: { make: boolean }): Promise<SigningKeys> {
  const keys = {
    key: join(folder, names.key),
    certificate: join(folder, names.certificate),
    keyring: join(folder, names.keyring),
  };
  const missing = Object.values(keys).filter((file) => !existsSync(file));
  if (missing.length > 0) {
    const untouched = missing.length === Object.keys(names).length;
    if (!options.make || !untouched) {
      throw new WeirError('IMAGE_KEY', `no ${missing.join(', ')}`, {
        advice: `a folder of keys holds ${Object.values(names).join(', ')}`,
      });
    }
    await makeKeys(folder);
  }
  check(keys);
  return keys;
}

/** A key and the certificate it signed itself. */
async function makeKeys(folder: string): Promise<void> {
  const making = `${folder}.part`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true, mode: 0o700 });
  const certificate = join(making, names.certificate);
  await run('openssl', [
    ...[
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-noenc',
      '-days',
      '9125',
      '-subj',
      '/CN=Weir updates',
    ],
    ...[
      '-addext',
      'keyUsage=critical,digitalSignature,keyCertSign',
      '-keyout',
      join(making, names.key),
      '-out',
      certificate,
    ],
  ]);
  await run('cp', [certificate, join(making, names.keyring)]);
  rmSync(folder, { recursive: true, force: true });
  renameSync(making, folder);
}

/** Told now, not by a gateway in the field that refuses its update. */
function check({ key, certificate, keyring }: SigningKeys): void {
  let signer: X509Certificate;
  let trusted: readonly X509Certificate[];
  let belongs: boolean;
  try {
    signer = new X509Certificate(readFileSync(certificate));
    belongs = signer.checkPrivateKey(createPrivateKey(readFileSync(key)));
    trusted = certificatesIn(readFileSync(keyring, 'utf8'));
  } catch (cause) {
    throw new WeirError('IMAGE_KEY', `cannot read the keys: ${(cause as Error).message}`, {
      fields: { key, certificate, keyring },
      cause,
    });
  }
  if (!belongs) throw new WeirError('IMAGE_KEY', `${key} is not the key of ${certificate}`);
  if (
    !trusted.some(
      (issuer) => issuer.fingerprint256 === signer.fingerprint256 || signer.verify(issuer.publicKey),
    )
  ) {
    throw new WeirError(
      'IMAGE_KEY',
      `${keyring} does not vouch for ${certificate}: gateways would refuse what it signs`,
    );
  }
  if (signer.validToDate.getTime() < Date.now()) {
    throw new WeirError('IMAGE_KEY', `${certificate} has expired`, { fields: { validTo: signer.validTo } });
  }
}

const certificatesIn = (pem: string): readonly X509Certificate[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []).map(
    (text) => new X509Certificate(text),
  );
