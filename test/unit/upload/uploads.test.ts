import assert from 'node:assert/strict';
import { Alarms, systemClock as clock, silentLog as log } from '#base';
import { parseConfig } from '../../../src/config/index.ts';
import { Uploads } from '../../../src/upload/index.ts';
import { record } from '../../lab/upload/records.ts';
import { RecordsFolder } from '../billing/billed-viewer.ts';
import { RadiusResponder } from './radius-responder.ts';

/** RFC 2866 s.5.1. */
const [start, accountingOn, accountingOff] = [1, 7, 8];

describe('Uploads', () => {
  let folder: RecordsFolder;
  let server: RadiusResponder;
  beforeEach(async () => {
    folder = await RecordsFolder.make();
    server = await RadiusResponder.start();
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const configOf = (upload: object) =>
    parseConfig({ interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } }, upload }).upload;
  const radius = (more: object = {}) => {
    const servers = [{ host: '127.0.0.1', port: server.port, secret: server.secret }];
    return configOf({ radius: [{ name: 'isp', servers, ...more }] });
  };
  const uploadsOf = (config: ReturnType<typeof configOf>) =>
    new Uploads({
      ...{ store: folder.store, config, teller: { notify: async () => undefined }, live: () => [] },
      ...{ clockTrusted: () => true, alarms: new Alarms({ clock, log }), clock, log },
    });

  /** A session's Start waits for the answer to Accounting-On, which is the `at`th request. */
  const announced = async (uploads: Uploads, at: number) => {
    uploads.sessionStarted(record());
    await server.asked(at + 1);
  };

  it('tell a RADIUS server of the start and the end of the box, not of a change of the receiver', async () => {
    const uploads = uploadsOf(radius());
    await uploads.apply(radius());
    await announced(uploads, 1);
    await uploads.apply(radius({ interimSeconds: 60 }));
    await uploads.apply(radius({ interimSeconds: 300 }));
    await uploads.close();
    assert.deepEqual(server.statuses, [accountingOn, start, accountingOff]);
  });

  it('take a receiver that comes back into the configuration for a new one', async () => {
    const uploads = uploadsOf(radius());
    await uploads.apply(radius());
    await announced(uploads, 1);
    await uploads.apply(configOf({}));
    await uploads.apply(radius());
    await announced(uploads, 3);
    await uploads.close();
    assert.deepEqual(server.statuses, [accountingOn, start, accountingOn, start, accountingOff]);
  });

  it('tell what the chain says beside records those who get its links, and origins that were told wrong times', async () => {
    const tls = { caFile: 'ca.pem', certFile: 'box.pem', keyFile: 'box.key' };
    const config = configOf({
      radius: [{ name: 'isp', servers: [{ host: '192.0.2.1', secret: 'x' }] }],
      https: [{ name: 'billing', url: 'https://192.0.2.2/usage', ...tls }],
      mqtt: [{ name: 'noc', url: 'mqtts://192.0.2.3', ...tls }],
    });
    await using uploads = uploadsOf(config);
    const told = new Set(['radius:isp', 'https:billing', 'origin:198.51.100.7:554']);
    assert.deepEqual(uploads.noteDestinations(), ['https:billing', 'mqtt:noc']);
    assert.deepEqual(uploads.noteDestinations(told), [
      'https:billing',
      'mqtt:noc',
      'origin:198.51.100.7:554',
    ]);
  });
});
