import type { Config } from '../config/index.ts';
import { Subscribers } from './subscribers.ts';
import { type Tariff, tariffFor } from './tariff.ts';

type BillingConfig = Config['billing'];

/** On which terms a session is served: matched once, when it begins. */
export interface Terms {
  readonly subscriber: string | undefined;
  readonly tariff: Tariff;
}

/** Matches sessions with the tariffs and subscribers of the configuration that is in force. */
export class TermsBook {
  readonly #config: () => BillingConfig;
  #read: { readonly config: BillingConfig; readonly subscribers: Subscribers } | undefined;

  constructor(config: () => BillingConfig) {
    this.#config = config;
  }

  termsFor(session: {
    readonly url: string;
    readonly address: string;
    readonly mac: string | undefined;
  }): Terms {
    const config = this.#config();
    if (this.#read?.config !== config) {
      this.#read = { config, subscribers: new Subscribers(config.subscribers) };
    }
    const subscriber = this.#read.subscribers.find(session.address, session.mac);
    return { subscriber, tariff: tariffFor(config, session.url, subscriber) };
  }
}
