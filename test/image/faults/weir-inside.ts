import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { run } from '../../../image/program.ts';
import type { Inside } from '../inside.ts';
import { answersWithinMs, startsWithinMs } from '../technician.ts';

/** Lines of a file that is handed over: a script is read line by line. */
const lineChars = 2000;

/** What is wrong with Weir, as a script for inside of the gateway; `$pid` is its process. */
export const faults = {
  stopped: 'kill -STOP $pid',
  killed: 'kill -KILL $pid',
  'one engine thread stuck': `for task in /proc/$pid/task/*; do
    read -r name <$task/comm
    case $name in weir-datapath*) break ;; esac
  done
  /run/stop-thread \${task##*/} >/run/stopped 2>&1 &
  until grep -q . /run/stopped; do sleep 0.05; done
  grep -q '^stopped$' /run/stopped`,
} as const;

/** A gateway's Weir, as systemd sees it, from inside. */
export class WeirInside {
  readonly #inside: Inside;

  constructor(inside: Inside) {
    this.#inside = inside;
  }

  /** Compiles the tool of one of the faults for the gateway, and hands it over. */
  async takeTools(): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'weir-tool-'));
    try {
      const tool = join(folder, 'stop-thread');
      const source = join(import.meta.dirname, 'stop-thread.c');
      await run('aarch64-linux-gnu-gcc', ['-O2', '-s', '-o', tool, source]);
      const text = gzipSync(readFileSync(tool)).toString('base64');
      const lines = text.match(new RegExp(`.{1,${lineChars}}`, 'g')) ?? [];
      await this.#inside.run(
        `mount -o remount,exec /run
        base64 -d <<'END' | gzip -dc >/run/stop-thread
${lines.join('\n')}
END
        chmod 755 /run/stop-thread`,
        answersWithinMs,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** Does it, and says at which uptime, in milliseconds. */
  async suffer(fault: keyof typeof faults): Promise<number> {
    const said = await this.#inside.run(
      `pid=$(systemctl show --property=MainPID --value weir.service)
      ${faults[fault]} && cat /proc/uptime`,
      answersWithinMs,
    );
    return Number.parseFloat(said) * 1000;
  }

  /** Waits until a Weir has said that it is ready after that uptime; the uptime then, in milliseconds. */
  async readyAfter(uptimeMs: number): Promise<number> {
    // Microseconds since the kernel began.
    const said = await this.#inside.run(
      `show() { systemctl show --property="$1" --value weir.service; }
      until [ "$(show ActiveState)" = active ] && [ "$(show ActiveEnterTimestampMonotonic)" -gt ${Math.round(uptimeMs * 1000)} ]; do
        sleep 0.5
      done
      show ActiveEnterTimestampMonotonic`,
      startsWithinMs,
    );
    return Number(said) / 1000;
  }

  /** The records of the ledger, a line for each. */
  async records(): Promise<readonly string[]> {
    const said = await this.#inside.run('weir records --csv --data /data/weir', answersWithinMs);
    return said.trim().split('\n').slice(1);
  }
}
