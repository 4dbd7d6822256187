import {
  closeSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdtempSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { WeirError, weirVersion } from '#base';
import type { SerialPort } from '#hal';
import { LinuxSerialPorts } from '../../hal/linux/serial-ports.ts';
import { partitionOffset } from '../../image/disk/layout.ts';
import { run } from '../../image/program.ts';
import type { Host, HostProcess, World } from '../../src/demo/world/index.ts';
import { Inside } from './inside.ts';
import { askMonitor, monitorArguments } from './monitor.ts';

const firmware = '/usr/share/AAVMF';
const consoleBaud = 115_200;
/** QEMU brings to an end what the disk is doing, on a machine that has other things to do. */
const closeWithinMs = 30_000;

/** A NIC of the gateway, and the device of its host that it is bridged with. */
interface Plug {
  readonly mac: string;
  readonly device: string;
}

/** What the gateway's NICs are called by the operator: by their MAC addresses, which stand on the case. */
export const gatewayNics = {
  wan: { mac: '52:54:00:57:00:01', device: 'wan0' },
  access: { mac: '52:54:00:57:00:02', device: 'lan0' },
} as const satisfies Record<string, Plug>;

/** What a gateway starts from. */
export interface GatewayDisk {
  /** Its content, as it is now. */
  readonly file: string;
  /** What UEFI keeps between starts: a file, in a folder for one machine. */
  readonly variables: string;
  /** QEMU's arguments for a virtio disk. */
  readonly drive: readonly string[];
}

/** The machine itself, with the firmware that starts it: QEMU's arguments. */
export interface GatewayBoard {
  readonly arguments: readonly string[];
}

/** A disk that an image was flashed onto; larger than the image, as most are. */
export class FlashedDisk implements GatewayDisk, Disposable {
  readonly folder: string;
  readonly file: string;
  readonly variables: string;

  private constructor(folder = mkdtempSync(join(tmpdir(), 'weir-image-'))) {
    this.folder = folder;
    this.file = join(this.folder, 'disk.img');
    this.variables = join(this.folder, 'uefi-variables.fd');
  }

  static async flash(image = builtImage(), sizeBytes = 4e9): Promise<FlashedDisk> {
    const disk = new FlashedDisk();
    await run('zstd', ['-q', '-d', '--sparse', image, '-o', disk.file]);
    await run('truncate', ['-s', String(sizeBytes - (sizeBytes % 512)), disk.file]);
    copyFileSync(join(firmware, 'AAVMF_VARS.fd'), disk.variables);
    return disk;
  }

  /** A disk that was put into a folder earlier. */
  static in(folder: string): FlashedDisk {
    return new FlashedDisk(folder);
  }

  get drive(): readonly string[] {
    return ['-drive', `if=none,id=disk,format=raw,file=${this.file}`, '-device', 'virtio-blk-pci,drive=disk'];
  }

  /** Another disk with the same on it, in a folder of its own; only what is not zero is copied. */
  async copy(variables = this.variables): Promise<FlashedDisk> {
    const disk = new FlashedDisk();
    await run('cp', ['--sparse=always', '--reflink=auto', this.file, disk.file]);
    copyFileSync(variables, disk.variables);
    return disk;
  }

  /** Bytes of a disk that no gateway uses now. */
  async read(at: number, length: number): Promise<Buffer> {
    await using file = await open(this.file, 'r');
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, at);
    if (bytesRead !== length) throw new RangeError(`${this.file} ends at ${at + bytesRead}`);
    return buffer;
  }

  async write(at: number, bytes: Buffer): Promise<void> {
    await using file = await open(this.file, 'r+');
    await file.write(bytes, 0, bytes.length, at);
  }

  /** Puts it where it is to stay, be that on another file system. */
  async moveTo(file: string): Promise<void> {
    await run('cp', ['--sparse=always', this.file, `${file}.part`]);
    renameSync(`${file}.part`, file);
  }

  /**
   * Turns a bit of the last thing in the first slot's squashfs: the index of its table of users, which Linux reads when it mounts it,
   * and GRUB, which reads the kernel out of it, never.
   */
  damageSlot(): void {
    const descriptor = openSync(this.file, 'r+');
    const at = partitionOffset('rootfs-a');
    const superblock = Buffer.alloc(96);
    readSync(descriptor, superblock, 0, superblock.length, at);
    // Squashfs 4.0: at 48 where the index of the table of users is.
    const index = at + Number(superblock.readBigUInt64LE(48));
    const byte = Buffer.alloc(1);
    readSync(descriptor, byte, 0, 1, index);
    writeSync(descriptor, Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, index);
    closeSync(descriptor);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function builtImage(): string {
  const file = join(import.meta.dirname, '..', '..', 'dist', `weir-${weirVersion}-arm64.img.zst`);
  if (existsSync(file)) return file;
  const there = globSync('*.img.zst', { cwd: join(file, '..') });
  throw new WeirError('MISSING_PROGRAM', `no ${file}`, {
    fields: { there: there.join(' ') },
    advice: 'npm run image',
  });
}

export interface GatewayOptions {
  /** None: one with UEFI. */
  readonly board?: GatewayBoard;
  /** With a port behind which somebody is inside. */
  readonly inside?: boolean;
  /** Its times are to be told. */
  readonly measured?: boolean;
  /**
   * Its clock goes by what it has executed, 2 ns an instruction, and not by the machine it is emulated on: where that has other things to
   * do, no watchdog and no deadline in the gateway comes sooner.
   */
  readonly ownClock?: boolean;
}

/**
 * A gateway in the place of a world's box: an emulated ARM64 machine that starts by UEFI from a disk, whose two NICs are
 * where the box's were, and whose serial port is a pseudo-terminal here.
 */
export class Gateway implements AsyncDisposable {
  readonly serial: SerialPort;
  readonly #machine: HostProcess;
  readonly #folder: string;
  readonly #inside: Inside | undefined;

  private constructor(
    machine: HostProcess,
    serial: SerialPort,
    { folder, inside }: { folder: string; inside: Inside | undefined },
  ) {
    this.#machine = machine;
    this.serial = serial;
    this.#folder = folder;
    this.#inside = inside;
  }

  static async start(host: Host, disk: GatewayDisk, options: GatewayOptions = {}): Promise<Gateway> {
    const port = Promise.withResolvers<string>();
    const nics = Object.values(gatewayNics);
    const folder = dirname(disk.variables);
    const machine = await host.spawn(
      'nice',
      [
        // Others come first, unless its times count.
        ...['-n', options.measured ? '0' : '10', 'qemu-system-aarch64'],
        ...(options.ownClock
          ? ['-accel', 'tcg,thread=single', '-icount', 'shift=1,sleep=on']
          : ['-accel', 'tcg,thread=multi']),
        ...['-nodefaults', '-display', 'none', '-serial', 'pty'],
        ...(options.board ?? uefiBoard(disk)).arguments,
        ...disk.drive,
        ...nics.flatMap(({ mac, device }) => [
          ...['-netdev', `tap,id=${device},ifname=tap-${device},script=no,downscript=no`],
          ...['-device', `virtio-net-pci,netdev=${device},mac=${mac}`],
        ]),
        ...['-device', 'virtio-rng-pci', '-device', 'i6300esb'],
        ...monitorArguments(folder),
        ...(options.inside ? Inside.machineArguments(folder) : []),
      ],
      {
        closeGraceMs: closeWithinMs,
        onLine: (line) => {
          const path = /char device redirected to (\S+)/.exec(line)?.[1];
          if (path !== undefined) port.resolve(path);
        },
      },
    );
    void machine.exited.then(() => port.reject(new Error(`QEMU ended: ${machine.stderr.slice(-500)}`)));
    const path = await port.promise;
    const serial = await new LinuxSerialPorts().open({ path, baud: consoleBaud });
    return new Gateway(machine, serial, {
      folder,
      inside: options.inside ? await Inside.connect(folder) : undefined,
    });
  }

  /** Whoever is inside, where it was started so. */
  get inside(): Inside {
    if (this.#inside === undefined) throw new WeirError('USAGE', 'nobody is inside of this gateway');
    return this.#inside;
  }

  /** Pulls the cable of a NIC, or plugs it in. */
  async cable(role: keyof typeof gatewayNics, plugged: boolean): Promise<void> {
    await askMonitor(this.#folder, 'set_link', { name: gatewayNics[role].device, up: plugged });
  }

  /**
   * The power goes, and the machine gets no notice. What was written and not flushed is there all the same, as QEMU's host has it: to
   * lose it takes a `RecordedDisk`, whose log QEMU completes when it is ended by SIGTERM.
   */
  async cutPower(): Promise<void> {
    // First: what waits to be written to a port at which nobody reads any more is given up only when its other end is gone.
    await this.#machine.close();
    this.#inside?.close();
    await this.serial[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cutPower();
  }
}

/** Started by EDK2, described by ACPI. */
const uefiBoard = (disk: GatewayDisk): GatewayBoard => ({
  arguments: [
    ...['-M', 'virt,gic-version=3', '-cpu', 'cortex-a72', '-smp', '2', '-m', '1024'],
    ...pflash(`${firmware}/AAVMF_CODE.fd`, true),
    ...pflash(disk.variables, false),
  ],
});

const pflash = (file: string, readonly: boolean): readonly string[] => [
  '-drive',
  `if=pflash,format=raw,file=${file}${readonly ? ',readonly=on' : ''}`,
];

/** Takes the box out of a world: its two sides lead to where a gateway is going to be plugged in. */
export async function makeRoomForGateway({ box }: World): Promise<void> {
  for (const { device } of Object.values(gatewayNics)) {
    await box.ip('address', 'flush', 'dev', device);
    await box.ip('tuntap', 'add', 'dev', `tap-${device}`, 'mode', 'tap');
    await box.ip('link', 'add', `br-${device}`, 'type', 'bridge');
    for (const port of [device, `tap-${device}`]) {
      await box.ip('link', 'set', port, 'master', `br-${device}`);
      await box.ip('link', 'set', port, 'up');
    }
    await box.ip('link', 'set', `br-${device}`, 'up');
  }
  // A bridge with an address of its own would answer neighbours.
  await box.sysctl({ 'net/ipv4/ip_forward': 0, 'net/ipv6/conf/all/disable_ipv6': 1 });
}
