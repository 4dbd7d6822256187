/** A typed past fact that others may listen to. One object argument; sent after the state has changed. */
export class Signal<T> {
  readonly #listeners = new Set<(fact: T) => void>();
  readonly #onListenerError: (error: unknown) => void;

  /** A listener that throws reaches `onListenerError` and never the emitter nor the other listeners. */
  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  /** Listens until the returned handle is disposed of. */
  on(listener: (fact: T) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  emit(fact: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(fact);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }
}
