import { type Host, HostProcess } from '../../../src/demo/world/index.ts';
import type { Identity } from './certificates.ts';

/** A message as mosquitto's own client got it. */
export interface Message {
  readonly topic: string;
  readonly payload: string;
}

/** `mosquitto_sub`: another program's view of what a broker hands out. */
export class Subscriber implements AsyncDisposable {
  readonly messages: readonly Message[];
  readonly #process: HostProcess;
  readonly #waiting: Set<() => void>;

  private constructor(process: HostProcess, messages: readonly Message[], waiting: Set<() => void>) {
    this.#process = process;
    this.messages = messages;
    this.#waiting = waiting;
  }

  static async start(options: {
    port: number;
    identity: Identity;
    topic: string;
    host?: Host;
  }): Promise<Subscriber> {
    const { ca, cert, key } = options.identity.files;
    const messages: Message[] = [];
    const waiting = new Set<() => void>();
    const subscribed = Promise.withResolvers<void>();
    const onLine = (line: string) => {
      if (line.includes('Subscribed')) subscribed.resolve();
      const [, topic, payload] = /^MESSAGE (\S+) (.*)$/.exec(line) ?? [];
      if (topic === undefined || payload === undefined) return;
      messages.push({ topic, payload });
      for (const look of [...waiting]) look();
    };
    const args = [
      '-h',
      'localhost',
      '-p',
      String(options.port),
      '--cafile',
      ca,
      '--cert',
      cert,
      '--key',
      key,
    ];
    const form = ['-d', '-q', '1', '-t', options.topic, '-F', 'MESSAGE %t %p'];
    const argv = ['-oL', 'mosquitto_sub', ...args, ...form];
    const process = await (options.host
      ? options.host.spawn('stdbuf', argv, { onLine })
      : HostProcess.start('mosquitto_sub', ['stdbuf', ...argv], { onLine }));
    void process.exited.then(() => subscribed.reject(new Error('mosquitto_sub ended')));
    await subscribed.promise;
    return new Subscriber(process, messages, waiting);
  }

  /** Resolves with the first message that `wanted` likes, one that has come already included. */
  async until(wanted: (message: Message) => boolean): Promise<Message> {
    const { promise, resolve } = Promise.withResolvers<Message>();
    const look = () => {
      const found = this.messages.find(wanted);
      if (found) resolve(found);
    };
    this.#waiting.add(look);
    look();
    const message = await promise;
    this.#waiting.delete(look);
    return message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process.exited;
  }
}
