import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** PEM texts of one side. */
export interface Identity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Where the three lie, for programs that want files. */
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** A certificate authority of the test's own in `folder`; hands out certificates. */
export class Certificates {
  readonly #folder: string;
  readonly #name: string;

  constructor(folder: string, name = 'ca') {
    this.#folder = folder;
    this.#name = name;
    this.#openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      this.#path(`${name}.key`),
      '-out',
      this.#path(`${name}.pem`),
    );
  }

  /** A certificate for `name`; a server's is good for `localhost` and 127.0.0.1 as well. */
  issue(name: string): Identity {
    const files = {
      ca: this.#path(`${this.#name}.pem`),
      cert: this.#path(`${name}.pem`),
      key: this.#path(`${name}.key`),
    };
    const extensions = this.#path(`${name}.ext`);
    writeFileSync(
      extensions,
      `subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n`,
    );
    const request = this.#path(`${name}.csr`);
    this.#openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      files.key,
      '-out',
      request,
    );
    this.#openssl(
      'x509',
      '-req',
      '-in',
      request,
      '-CA',
      files.ca,
      '-CAkey',
      this.#path(`${this.#name}.key`),
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      extensions,
      '-out',
      files.cert,
    );
    const text = (file: string) => readFileSync(file, 'utf8');
    return { ca: text(files.ca), cert: text(files.cert), key: text(files.key), files };
  }

  #path(file: string): string {
    return join(this.#folder, file);
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}
