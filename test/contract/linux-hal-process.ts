/** Opens the HAL of Linux, configures what a relay would, closes it, and says how that went. Started by a test. */
import { isWeirError, silentLog } from '#base';
import { openLinuxHal } from '#hal';

async function use(): Promise<string> {
  await using hal = await openLinuxHal({
    log: silentLog,
    realtime: false,
    engineThreads: 1,
    cloning: true,
  });
  const nics = {
    wan: { device: 'wan0', addresses: ['203.0.113.1/24'] },
    access: { device: 'lan0', addresses: ['198.51.100.1/24'], mtu: 1400 },
  };
  await hal.nics.apply(nics);
  await hal.forwarding.apply({ wanDevice: 'wan0', accessDevice: 'lan0', masquerade: false });
  const plan = {
    accessDevice: 'lan0',
    wanDevice: 'wan0',
    ports: [554],
    listenPortV4: 18_554,
    listenPortV6: 18_554,
  };
  await hal.interception.apply({ ...plan, whenDown: 'open' });
  await hal.interception.renew();
  return `${hal.nics.get('access').mtu} ${(await hal.board.facts()).kernel.split('.')[0]}`;
}

for (let time = 0; time < 2; time += 1) {
  try {
    console.log(await use());
  } catch (error) {
    console.log(isWeirError(error) ? `${error.code}: ${error.describe()}` : String(error));
  }
}
