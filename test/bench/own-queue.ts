import { availableParallelism } from 'node:os';
import type { Nic } from './load/index.ts';

/**
 * Gives a NIC of the world a receive queue of its own, as every NIC has: what comes waits there, in its order, until its host
 * takes it in, and giving it is all that the sender does. Else veth puts it into the one queue that the sender's processor has
 * for all devices of all hosts, behind what it is just doing for others. Undone when it is disposed.
 */
export async function ownQueue(to: Nic, from: Nic): Promise<AsyncDisposable> {
  // veth takes its queue only for a receiver that may merge packets and a sender that may not leave cutting TCP to it.
  const queue = async (on: boolean) => {
    await to.host.offload(to.device, { gro: on });
    await from.host.offload(from.device, { tso: !on });
  };
  await queue(true);
  return { [Symbol.asyncDispose]: () => queue(false) };
}

/**
 * The same, emptied by threads of the kernel, so never in the time of whoever sends. A queue holds 256 packets, and two pieces of
 * a picture for 100 viewers fill one before its thread has run: so there are two where there is more than one processor, which
 * is as many as veth has then at least.
 */
export async function ownThreads(to: Nic, from: Nic): Promise<AsyncDisposable> {
  const queues = Math.min(2, availableParallelism());
  const channels = async (count: number) => {
    if (queues === 1) return;
    await to.host.run('ethtool', ['-L', to.device, 'rx', String(count)]);
    await from.host.run('ethtool', ['-L', from.device, 'tx', String(count)]);
  };
  const threads = (on: boolean) =>
    to.host.run('sh', ['-c', `echo ${on ? 1 : 0} > /sys/class/net/${to.device}/threaded`]);
  await channels(queues);
  const own = await ownQueue(to, from);
  // There is nothing to be threaded before.
  await threads(true);
  return {
    [Symbol.asyncDispose]: async () => {
      await threads(false);
      await own[Symbol.asyncDispose]();
      await channels(1);
    },
  };
}
