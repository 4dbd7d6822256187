/** Where the control socket of a data folder is: in it, or, when that cannot be written, in `/run`. */
import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Clock, describeError, isWeirError, type Log, WeirError, within } from '#base';
import { askControl, openControlStream } from './control-client.ts';
import { ControlServer, type ControlServices } from './control-server.ts';
import type { ControlStream } from './control-stream.ts';

const usual = (dataDir: string): string => join(dataDir, 'control.sock');

const probe = (dataDir: string): string => join(dataDir, 'control.probe');

/** After so long a disk that does not answer is not waited for. */
const usualMs = 5000;

/** Another for each data folder. */
const fallback = (dataDir: string): string =>
  `/run/weir-${createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 16)}.sock`;

/**
 * Opens the control socket of a daemon. A disk that takes no socket is when an operator needs it most.
 *
 * @throws {WeirError} SOCKET_FAILED when another Weir answers there.
 */
export async function openControl(
  dataDir: string,
  services: ControlServices,
  log: Log,
  clock: Clock,
): Promise<ControlServer> {
  try {
    return await usualControl(dataDir, services, log, clock);
  } catch (error) {
    if (!isWeirError(error, 'SOCKET_FAILED') || error.cause === undefined) throw error;
    const path = fallback(dataDir);
    const control = await ControlServer.open(path, services, log);
    log.warn('control socket elsewhere', { path, error: describeError(error) });
    return control;
  }
}

/** Making a socket stops everything until the disk answers; so a thread of its own asks before, which may wait. */
async function usualControl(
  dataDir: string,
  services: ControlServices,
  log: Log,
  clock: Clock,
): Promise<ControlServer> {
  if (await within(tryToWrite(probe(dataDir)), usualMs, clock)) {
    return await ControlServer.open(usual(dataDir), services, log);
  }
  const cause = new WeirError('TIMED_OUT', `the disk with ${dataDir} does not answer`);
  throw new WeirError('SOCKET_FAILED', cause.message, { cause });
}

/** That it cannot be written is an answer, too. */
async function tryToWrite(path: string): Promise<void> {
  await writeFile(path, '');
  await rm(path);
}

/**
 * Asks the daemon of a data folder one thing.
 *
 * @throws {WeirError} CONTROL_UNREACHABLE
 */
export async function askDaemon(dataDir: string, command: string, argument?: string): Promise<unknown> {
  try {
    return await askControl(usual(dataDir), command, argument);
  } catch (error) {
    if (!isWeirError(error, 'CONTROL_UNREACHABLE')) throw error;
    return await askControl(fallback(dataDir), command, argument).catch((_silent) => {
      throw error;
    });
  }
}

/**
 * Opens a connection to the daemon of a data folder that is the command's from then on.
 *
 * @throws {WeirError} CONTROL_UNREACHABLE
 */
export async function openDaemonStream(
  dataDir: string,
  command: string,
  argument: unknown,
): Promise<ControlStream> {
  try {
    return await openControlStream(usual(dataDir), command, argument);
  } catch (error) {
    if (!isWeirError(error, 'CONTROL_UNREACHABLE')) throw error;
    return await openControlStream(fallback(dataDir), command, argument).catch((_silent) => {
      throw error;
    });
  }
}
