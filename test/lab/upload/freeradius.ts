import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { type Host, HostProcess } from '../../../src/demo/world/index.ts';
import type { Identity } from './certificates.ts';

/** A row of FreeRADIUS's accounting table. */
export interface AccountingRow {
  readonly acctsessionid: string;
  readonly username: string;
  readonly acctstarttime: number | null;
  readonly acctstoptime: number | null;
  readonly acctoutputoctets: number | null;
  readonly acctsessiontime: number | null;
  readonly acctterminatecause: string;
  readonly framedipaddress: string;
  readonly framedipv6address: string;
  readonly callingstationid: string;
}

export interface FreeradiusOptions {
  readonly folder: string;
  /** Where it runs; here when not given. */
  readonly host?: Host;
  /** Where it listens, and who may ask; both 127.0.0.1 when not given. */
  readonly address?: string;
  readonly client?: string;
  readonly port: number;
  readonly secret: string;
  /** RadSec at this port, too. */
  readonly radsec?: { readonly port: number; readonly identity: Identity };
}

/** FreeRADIUS with its stock SQL queries on SQLite, and a detail file with every packet. */
export class Freeradius implements AsyncDisposable {
  readonly #options: FreeradiusOptions;
  #process: HostProcess | undefined;

  private constructor(options: FreeradiusOptions) {
    this.#options = options;
  }

  static async start(options: FreeradiusOptions): Promise<Freeradius> {
    writeConfiguration(options);
    const server = new Freeradius(options);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const lines: string[] = [];
    const ready = Promise.withResolvers<void>();
    const { host, folder } = this.#options;
    const args = ['-f', '-l', 'stdout', '-d', folder];
    const options = {
      onLine: (line: string) => {
        lines.push(line);
        if (line.includes('Ready to process requests')) ready.resolve();
      },
    };
    const process = await (host
      ? host.spawn('freeradius', args, options)
      : HostProcess.start('freeradius', ['freeradius', ...args], options));
    this.#process = process;
    void process.exited.then(() =>
      ready.reject(new Error(`FreeRADIUS ended:\n${lines.slice(-20).join('\n')}`)),
    );
    await ready.promise;
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#process?.exited;
    this.#process = undefined;
  }

  rows(): readonly AccountingRow[] {
    using database = new DatabaseSync(join(this.#options.folder, 'radius.db'), { readOnly: true });
    return database.prepare('SELECT * FROM radacct ORDER BY radacctid').all() as unknown as AccountingRow[];
  }

  /** Every packet it took, as text, oldest first. */
  packets(): readonly string[] {
    const file = join(this.#options.folder, 'log', 'detail');
    return existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n\n')
          .filter((text) => text.trim() !== '')
      : [];
  }

  async close(): Promise<void> {
    await this.kill();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const stock = '/etc/freeradius/3.0';
const dictionary = fileURLToPath(new URL('../../../docs/dictionary.weir', import.meta.url));

function writeConfiguration(options: FreeradiusOptions): void {
  const { folder } = options;
  mkdirSync(join(folder, 'log'), { recursive: true });
  cpSync(join(stock, 'mods-config', 'sql'), join(folder, 'sql'), { recursive: true });
  cpSync(dictionary, join(folder, 'dictionary.weir'));
  writeFileSync(
    join(folder, 'dictionary'),
    `$INCLUDE /usr/share/freeradius/dictionary\n$INCLUDE ${join(folder, 'dictionary.weir')}\n`,
  );
  writeFileSync(join(folder, 'radiusd.conf'), configuration(options));
  writeFileSync(join(folder, 'nothing'), '');
  // FreeRADIUS refuses a configuration that others may write.
  chmodSync(folder, 0o700);
}

/**
 * The parts of Debian's own configuration that accounting needs; a closing brace stands on a line of its own. One thread
 * and one connection: SQLite has one writer, and a thread that finds none free answers nothing.
 */
const configuration = ({ folder, port, secret, radsec, address, client }: FreeradiusOptions): string => `
prefix = /usr
logdir = ${folder}/log
run_dir = ${folder}
libdir = /usr/lib/freeradius
max_request_time = 30
max_requests = 65536
cleanup_delay = 5
log {
  destination = stdout
}
thread pool {
  start_servers = 1
  max_servers = 1
  min_spare_servers = 1
  max_spare_servers = 1
}
client box {
  ipaddr = ${client ?? '127.0.0.1'}
  secret = ${secret}
  require_message_authenticator = yes
}
clients tls {
  client box {
    ipaddr = 127.0.0.1
    proto = tls
    secret = radsec
    limit {
      max_connections = 0
    }
  }
}
modules {
  sql {
    dialect = "sqlite"
    driver = "rlm_sql_sqlite"
    sqlite {
      filename = "${folder}/radius.db"
      busy_timeout = 2000
      bootstrap = "${folder}/sql/main/sqlite/schema.sql"
    }
    radius_db = "radius"
    acct_table1 = "radacct"
    acct_table2 = "radacct"
    postauth_table = "radpostauth"
    authcheck_table = "radcheck"
    groupcheck_table = "radgroupcheck"
    authreply_table = "radreply"
    groupreply_table = "radgroupreply"
    usergroup_table = "radusergroup"
    client_table = "nas"
    group_attribute = "SQL-Group"
    sql_user_name = "%{User-Name}"
    pool {
      start = 1
      min = 1
      max = 1
      spare = 1
      uses = 0
      lifetime = 0
      idle_timeout = 0
    }
    $INCLUDE ${folder}/sql/main/sqlite/queries.conf
  }
  expr {
  }
  preprocess {
    huntgroups = ${folder}/nothing
    hints = ${folder}/nothing
  }
  detail {
    filename = "${folder}/log/detail"
    permissions = 0600
  }
}
server default {
  listen {
    type = acct
    ipaddr = ${address ?? '127.0.0.1'}
    port = ${port}
  }
${radsec ? tlsListener(radsec) : ''}
  preacct {
    # Gives a request without Event-Timestamp one: when it came, less Acct-Delay-Time.
    preprocess
    update request {
      Acct-Unique-Session-Id := "%{md5:%{User-Name},%{Acct-Session-ID},%{NAS-IP-Address},%{NAS-Identifier},%{NAS-Port-ID},%{NAS-Port}}"
    }
  }
  accounting {
    detail
    sql
  }
}
`;

const tlsListener = ({ port, identity }: NonNullable<FreeradiusOptions['radsec']>): string => `
  listen {
    type = acct
    ipaddr = 127.0.0.1
    port = ${port}
    proto = tcp
    clients = tls
    tls {
      private_key_file = ${identity.files.key}
      certificate_file = ${identity.files.cert}
      ca_file = ${identity.files.ca}
      require_client_cert = yes
      tls_min_version = "1.2"
      tls_max_version = "1.3"
    }
  }
`;
