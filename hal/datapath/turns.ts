/** Things that must not happen to one object at the same time. */
export class Turns {
  #last: Promise<void> | undefined;

  /** Resolves when nothing is under way; undefined: nothing is. */
  get over(): Promise<void> | undefined {
    return this.#last;
  }

  /** Does `work` after what is under way. */
  take(work: () => Promise<void>): Promise<void> {
    const result = this.#last ? this.#last.then(work) : work();
    const over = () => {
      if (this.#last === last) this.#last = undefined;
    };
    const last: Promise<void> = result.then(over, over);
    this.#last = last;
    return result;
  }
}
