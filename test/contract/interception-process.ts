/** A Weir that intercepts with the plan it is given, says so, and waits to be killed. Started by a test. */
import { silentLog, systemClock } from '#base';
import { LinuxInterception } from '../../hal/linux/interception.ts';
import { Nft } from '../../hal/linux/nft.ts';
import { Rtnetlink } from '../../hal/linux/rtnetlink.ts';

process.once('message', async (plan: Parameters<LinuxInterception['apply']>[0]) => {
  const network = await Rtnetlink.open({ log: silentLog, clock: systemClock });
  const interception = new LinuxInterception({ nft: new Nft(), network, clock: systemClock, log: silentLog });
  await interception.apply(plan);
  await interception.renew();
  process.send?.('intercepting');
});
