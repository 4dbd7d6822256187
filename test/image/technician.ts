import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import { Operator } from '../operator.ts';
import { type Gateway, gatewayNics } from './gateway.ts';

/** Without acceleration, on a machine that has other things to do. */
export const startsWithinMs = 900_000;
export const answersWithinMs = 180_000;

/** What the technician types in the guided set-up. */
export const typed = { secret: 's3cret', name: 'gateway', password: 'correct horse battery' } as const;

/** Waits until a gateway that was just flashed offers its console. */
export async function consoleOffered(gateway: Gateway): Promise<void> {
  await new Operator(gateway.serial.stream, startsWithinMs).sees(/press Enter to begin/);
}

/** Sets a gateway up over the serial port, as a technician would, who finds the NICs by what stands on the case. */
export async function setUp(gateway: Gateway, world: World): Promise<Operator> {
  const technician = new Operator(gateway.serial.stream, answersWithinMs);
  const answer = async (question: RegExp, line: string) => {
    await technician.sees(question);
    void technician.type(`${line}\r`);
  };
  void technician.type('\r');
  const table = await technician.sees(/toward the IP network.*\(wan\)\? \[1\] $/);
  // One that the box is still switching on is shown as off.
  const named = (mac: string): string =>
    new RegExp(`(\\S+) +(?:up|down|off) .*${mac}`).exec(table)?.[1] ?? assert.fail(table);
  const [wan, access] = [named(gatewayNics.wan.mac), named(gatewayNics.access.mac)];
  void technician.type(`${wan}\r`);
  await answer(/toward the viewers.*\(access\)\? /, access);
  await answer(new RegExp(`Address of ${wan}`), `${world.wan.address4}/24`);
  await answer(/Default gateway/, '');
  await answer(/Name servers/, '');
  await answer(new RegExp(`Address of ${access}`), `${world.access.address4}/16`);
  await answer(/TCP ports of the origins/, '554');
  await answer(/Who gets the records/, world.origin.address4);
  await answer(/Secret shared/, typed.secret);
  await answer(/Name of this box/, typed.name);
  await answer(/Name of the administrator/, '');
  await answer(/Password of admin/, typed.password);
  await answer(/again: $/, typed.password);
  await answer(/Commit this\? \[yes\] $/, '');
  await technician.sees(/The box relays[\s\S]*@gateway> $/);
  return technician;
}
