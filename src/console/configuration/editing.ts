import { WeirError } from '#base';
import type { Candidate, Configurations } from '../../config/index.ts';

/** Somebody's work on the configuration: a candidate, and where in it they are. */
export class Editing {
  readonly configurations: Configurations;
  #candidate: Candidate;
  /** Where `edit` was typed, to come back to with `exit`. */
  readonly #left: (readonly string[])[] = [];
  #path: readonly string[] = [];

  constructor(configurations: Configurations) {
    this.configurations = configurations;
    this.#candidate = configurations.candidate();
  }

  get candidate(): Candidate {
    return this.#candidate;
  }

  /** What paths are typed from. */
  get path(): readonly string[] {
    return this.#path;
  }

  /** The path from the root of what is typed here. */
  full(words: readonly string[]): readonly string[] {
    return [...this.#path, ...words];
  }

  edit(words: readonly string[]): void {
    this.#left.push(this.#path);
    this.#path = this.#candidate.place(this.full(words)).path;
  }

  up(levels: number): void {
    this.#path = this.#path.slice(0, Math.max(0, this.#path.length - levels));
  }

  top(): void {
    this.#path = [];
  }

  /** Back to where `edit` was typed; false: nowhere to go back to. */
  back(): boolean {
    const path = this.#left.pop();
    if (path === undefined) return false;
    this.#path = path;
    return true;
  }

  /** Is there anything that a commit would put in force? */
  get changed(): boolean {
    return this.#candidate.changedFrom(this.configurations.tree, this.configurations.annotations);
  }

  /** Begins again from what is in force, or was `back` commits before. Also takes over what others have committed meanwhile. */
  async rollback(back: number): Promise<void> {
    const fresh = this.configurations.candidate();
    if (back > 0) {
      const { tree, annotations } = await this.configurations.rollback(back);
      fresh.override(tree, annotations);
    }
    this.#candidate = fresh;
  }

  /** Takes over what others have committed meanwhile, beneath one's own changes; returns where they contradict. */
  update(): readonly (readonly string[])[] {
    const { candidate, conflicts } = this.configurations.update(this.#candidate);
    this.#candidate = candidate;
    return conflicts;
  }

  /** What was just committed is what is edited on. */
  renew(): void {
    this.#candidate = this.configurations.candidate();
  }
}

/** For commands of the configuration mode, which there are only while somebody is editing. */
export function needEditing(editing: Editing | undefined): Editing {
  if (editing !== undefined) return editing;
  throw new WeirError('USAGE', 'this belongs to the configuration mode', {
    advice: 'type `configure` first',
  });
}
