import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CloseStack, systemClock, WeirError } from '#base';
import type { RelayStatus } from '../operations/index.ts';
import { askControl } from '../status/index.ts';
import { crowdAt } from './audience/crowd.ts';
import { demoBilling, renderBill } from './bill.ts';
import { type Look, renderLine, renderTable } from './table.ts';
import { createWorld, enterSandbox, type HostProcess } from './world/index.ts';

const mainScript = fileURLToPath(new URL('../main.ts', import.meta.url));
const sourceScript = fileURLToPath(new URL('./source/source-process.ts', import.meta.url));
const audienceScript = fileURLToPath(new URL('./audience/audience-process.ts', import.meta.url));
const rtspPort = 554;
const startMs = 20_000;

/**
 * The main job on one machine: an origin, the real appliance on a box with two NICs, and viewers that come and go, each
 * in a network namespace of its own. All of it lives in a sandbox that vanishes with this process.
 */
export async function demo(options: { seconds: number | undefined }): Promise<void> {
  const { seconds } = options;
  if (seconds !== undefined && !(seconds > 0))
    throw new WeirError('USAGE', '--seconds needs a number above 0');
  const sandbox = await enterSandbox();
  if (!sandbox.inside) {
    process.exitCode = sandbox.exitCode;
    return;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  await using stage = new CloseStack();
  const folder = await mkdtemp(join(tmpdir(), 'weir-demo-'));
  stage.defer(() => rm(folder, { recursive: true, force: true }));
  const world = stage.use(await createWorld());
  const { address4 } = world.origin;

  const source = stage.use(
    await world.origin.host.spawn(process.execPath, [sourceScript, address4, String(rtspPort)]),
  );
  await ready(source, 'the origin');

  const config = join(folder, 'weir.json');
  await writeFile(
    config,
    JSON.stringify({
      interfaces: { wan: { device: world.wan.device }, access: { device: world.access.device } },
      relay: { rtsp: { ports: [rtspPort, 8554] } },
      billing: demoBilling,
    }),
  );
  const env = { UV_THREADPOOL_SIZE: '8' };
  const weir = stage.use(
    await world.box.spawn(process.execPath, [mainScript, 'run', '--config', config, '--data', folder], {
      env,
    }),
  );
  await ready(weir, 'Weir');

  const url = `rtsp://${address4}/live`;
  const audience = stage.use(
    await world.viewer.host.spawn(process.execPath, [
      audienceScript,
      url,
      address4,
      String(rtspPort),
      '198.19.',
    ]),
  );
  await play({ socket: join(folder, 'control.sock'), audience, seconds, signal: stop.signal });
  await audience.close();
  await weir.close();
  console.log(await renderBill(folder));
}

/** Waits for the line that says it is ready, and passes on why it is not. */
async function ready(child: HostProcess, name: string): Promise<void> {
  try {
    await child.prints(/"event":"ready"|^ready$/m, { timeoutMs: startMs });
  } catch (cause) {
    const words = child.stderr.trim().split('\n').at(-1) ?? '';
    throw new WeirError('TIMED_OUT', `${name} did not get ready: ${words || 'it said nothing'}`, { cause });
  }
}

/** The crowd comes and goes, and the table shows it, once a second. */
async function play(options: {
  socket: string;
  audience: HostProcess;
  seconds: number | undefined;
  signal: AbortSignal;
}): Promise<void> {
  const { socket, audience, seconds, signal } = options;
  const terminal = process.stdout.isTTY;
  let before = await look(socket);
  for (let second = 0; seconds === undefined || second < seconds; second++) {
    audience.stdin.write(`${crowdAt(second)}\n`);
    try {
      await systemClock.sleep(1000, signal);
    } catch {
      break;
    }
    const now = await look(socket);
    if (terminal) process.stdout.write(`\x1b[H\x1b[2J${renderTable(before, now)}\n`);
    else console.log(renderLine(before, now));
    before = now;
  }
  if (terminal) console.log('\nending: viewers leave, the origin gets its TEARDOWN, rules and namespaces go');
}

async function look(socket: string): Promise<Look> {
  return { status: (await askControl(socket, 'show relay')) as RelayStatus, atMonoNs: systemClock.monoNs() };
}
