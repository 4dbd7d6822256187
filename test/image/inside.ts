import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { WeirError } from '#base';

const port = 'weir.inside';

/** Answers are the command's; it reads nothing of what is typed next. */
const unit = `[Unit]
Description=Somebody inside, for tests
StartLimitIntervalSec=0

[Service]
ExecStart=/bin/sh -c 'exec sh <>/dev/virtio-ports/${port} >&0 2>&1'
Restart=always
RestartSec=1
OOMScoreAdjust=-900
`;

/** Unit files that the firmware hands to systemd as credentials (systemd-debug-generator(8)). */
const credentials = {
  'systemd.extra-unit.weir-inside.service': unit,
  'systemd.unit-dropin.multi-user.target': '[Unit]\nWants=weir-inside.service\n',
} as const;

/**
 * A shell of root's inside a gateway. The image that runs is the one that is flashed, which has none: the emulated board has one
 * port more than a real one, and its firmware tells systemd what to start there.
 */
export class Inside {
  readonly #socket: Socket;
  #said = '';
  #news: (() => void) | undefined;
  #next = 0;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.#said += text;
      this.#news?.();
    });
    socket.on('error', () => {});
  }

  /** What QEMU is told, for a board with such a port. The files it reads are written into `folder`. */
  static machineArguments(folder: string): readonly string[] {
    const firmware = Object.entries(credentials).flatMap(([name, text]) => {
      const file = join(folder, name);
      writeFileSync(file, `io.systemd.credential.binary:${name}=${Buffer.from(text).toString('base64')}`);
      return ['-smbios', `type=11,path=${file}`];
    });
    return [
      ...firmware,
      ...['-chardev', `socket,id=inside,path=${join(folder, 'inside')},server=on,wait=off`],
      ...['-device', 'virtio-serial-pci', '-device', `virtserialport,chardev=inside,name=${port}`],
    ];
  }

  /** From the beginning: a shell at a port that leads nowhere reads its end, and is started again and again. */
  static async connect(folder: string): Promise<Inside> {
    const socket = connect(join(folder, 'inside'));
    await once(socket, 'connect');
    return new Inside(socket);
  }

  /** What a script prints, both streams, one script after the other. The first one waits for the machine to have started. */
  run(script: string, withinMs: number): Promise<string> {
    const answer = this.#last.then(() => this.#run(script, withinMs));
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** At how many milliseconds of the wall clock here the kernel there began; from the quickest of some answers. */
  async kernelBeganAtMs(withinMs: number): Promise<number> {
    let best = { tookMs: Number.POSITIVE_INFINITY, beganAtMs: Number.NaN };
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const askedAtMs = Date.now();
      const uptime = await this.run('cat /proc/uptime', withinMs);
      const tookMs = Date.now() - askedAtMs;
      if (tookMs > best.tookMs) continue;
      best = { tookMs, beganAtMs: askedAtMs + tookMs / 2 - Number.parseFloat(uptime) * 1000 };
    }
    return best.beganAtMs;
  }

  async #run(script: string, withinMs: number): Promise<string> {
    const id = this.#next;
    this.#next += 1;
    this.#said = '';
    // A record separator cannot come from the script as it stands in the line: the port gives nothing back.
    this.#socket.write(`{\n${script}\n} </dev/null; printf '\\036%s %s\\036' ${id} $?\n`);
    const ended = new RegExp(`\x1e${id} (\\d+)\x1e`);
    const until = Date.now() + withinMs;
    for (;;) {
      const found = ended.exec(this.#said);
      if (found !== null) {
        const said = this.#said.slice(0, found.index);
        if (found[1] === '0') return said;
        throw new WeirError('COMMAND_FAILED', `inside the gateway: ${said.slice(-2000)}`, {
          fields: { status: Number(found[1]), script },
        });
      }
      const leftMs = until - Date.now();
      if (leftMs <= 0) {
        throw new WeirError('TIMED_OUT', `inside the gateway: no end within ${withinMs} ms`, {
          fields: { script, said: this.#said },
        });
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#news = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
