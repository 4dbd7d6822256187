import type { PingOptions, ProbeEnd, ProbeOptions, Probes, TracerouteOptions } from '../probes.ts';

/** Answers with the lines a test has put in for the target; a target without any does not answer. */
export class SimProbes implements Probes {
  readonly asked: (PingOptions | TracerouteOptions)[] = [];
  readonly #answers = new Map<string, { readonly lines: readonly string[]; readonly status: number }>();

  answer(target: string, lines: readonly string[], status = 0): void {
    this.#answers.set(target, { lines, status });
  }

  async ping(options: PingOptions): Promise<ProbeEnd> {
    return this.#probe(options.target, options);
  }

  async traceroute(options: TracerouteOptions): Promise<ProbeEnd> {
    return this.#probe(options.target, options);
  }

  #probe(target: string, options: (PingOptions | TracerouteOptions) & ProbeOptions): ProbeEnd {
    this.asked.push(options);
    const { lines, status } = this.#answers.get(target) ?? { lines: [], status: 1 };
    for (const line of lines) options.onLine?.(line);
    return { lines, status, cut: false };
  }
}
