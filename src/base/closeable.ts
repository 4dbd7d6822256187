/** Whatever is opened can be closed: twice is once, and the second caller gets the first one's promise. */
export interface Closeable extends AsyncDisposable {
  close(): Promise<void>;
}

/**
 * Things to undo, in the order they were done; `close` undoes them in reverse. One that fails does not stop
 * the others; the first error is thrown at the end.
 */
export class CloseStack implements Closeable {
  readonly #undo: Array<() => Promise<void> | void> = [];
  #closing: Promise<void> | undefined;

  /** Remembers `undo`; returns a function that runs it now and forgets it. */
  defer(undo: () => Promise<void> | void): void {
    this.#undo.push(undo);
  }

  /** Remembers to close `closeable` and hands it back. */
  use<T extends Closeable>(closeable: T): T {
    this.defer(() => closeable.close());
    return closeable;
  }

  close(): Promise<void> {
    this.#closing ??= this.#run();
    return this.#closing;
  }

  async #run(): Promise<void> {
    let failure: { error: unknown } | undefined;
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      try {
        await undo();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure) throw failure.error;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
