import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { SerialPorts } from '#hal';

/** A port, and the world at the other end of its cable. */
export interface SerialWorld extends AsyncDisposable {
  readonly ports: SerialPorts;
  readonly path: string;
  readonly far: Duplex;
  /** The device goes away. */
  unplug(): Promise<void>;
  /** Another process opens the port and tells nobody; what it is called. */
  openElsewhere(): Promise<string>;
}

const baud = 115_200;

/** What every implementation of `SerialPorts` keeps. */
export function serialPortsContract(makeWorld: () => Promise<SerialWorld>): void {
  it('passes all bytes as they are, both ways', async () => {
    await using world = await makeWorld();
    await using port = await world.ports.open({ path: world.path, baud });
    const all = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
    world.far.write(all);
    assert.deepEqual(await received(port.stream, all.length), all);
    port.stream.write(all);
    assert.deepEqual(await received(world.far, all.length), all);
  });

  it('loses nothing of what comes while nobody reads', async () => {
    await using world = await makeWorld();
    await using port = await world.ports.open({ path: world.path, baud });
    const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
    const written = new Promise<void>((resolve) => world.far.write(sent, () => resolve()));
    port.stream.pause();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(await received(port.stream, sent.length), sent);
    await written;
  });

  it('belongs to one who opens it, until it is closed', async () => {
    await using world = await makeWorld();
    const port = await world.ports.open({ path: world.path, baud });
    await assert.rejects(world.ports.open({ path: world.path, baud }), { code: 'SERIAL_PORT_FAILED' });
    await port.close();
    await port.close();
    assert.equal(port.stream.destroyed, true);
    assert.equal(port.lostBecause, undefined);
    await using again = await world.ports.open({ path: world.path, baud });
    world.far.write('x');
    assert.equal(String(await received(again.stream, 1)), 'x');
  });

  it('is closed while a reading and a writing have just begun', async () => {
    await using world = await makeWorld();
    const port = await world.ports.open({ path: world.path, baud });
    port.stream.read();
    // More than the far end, where nobody reads, has room for.
    port.stream.write(Buffer.alloc(300_000));
    await port.close();
    await using again = await world.ports.open({ path: world.path, baud });
    assert.equal(again.lostBecause, undefined);
  });

  it('says that there is no such port', async () => {
    await using world = await makeWorld();
    await assert.rejects(world.ports.open({ path: `${world.path}-not`, baud }), (error) => {
      assert.equal((error as { code?: string }).code, 'SERIAL_PORT_FAILED');
      assert.ok((error as { advice?: string }).advice);
      return true;
    });
  });

  it('tells when the device is gone, and closes', async () => {
    await using world = await makeWorld();
    await using port = await world.ports.open({ path: world.path, baud });
    const closed = once(port.stream.resume(), 'close');
    await world.unplug();
    await closed;
    assert.notEqual(port.lostBecause, undefined);
    await port.close();
  });

  it('tells who else has it open', async () => {
    await using world = await makeWorld();
    await using port = await world.ports.open({ path: world.path, baud });
    // The cable may be a program, too.
    const before = new Set((await port.otherHolders()).map(({ pid }) => pid));
    const program = await world.openElsewhere();
    const news = (await port.otherHolders()).filter(({ pid }) => !before.has(pid));
    assert.deepEqual(
      news.map((holder) => holder.program),
      [program],
    );
  });
}

async function received(stream: Duplex, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  const take = (bytes: Buffer) => {
    chunks.push(bytes);
    total += bytes.length;
  };
  stream.on('data', take).resume();
  while (total < length) await once(stream, 'data');
  stream.off('data', take).pause();
  return Buffer.concat(chunks);
}
