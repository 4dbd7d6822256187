import { isWeirError } from '#base';
import type { Command, Order, Parameter, PlainOrder, Surroundings } from './command.ts';
import { mayUse } from './command.ts';
import { type Choice, type Next, nothingFollows, PipedPlace, type Place } from './grammar/index.ts';

/** A word on the way to commands. */
interface Node {
  readonly help: string;
  readonly children: Map<string, Node>;
  command: Command | undefined;
}

/**
 * All commands of a mode. Inner words (`show`, `request system`) have their help from `groups`; a command may have further ones
 * below it.
 */
export class CommandTree {
  readonly #root: Node = { help: '', children: new Map(), command: undefined };
  readonly commands: readonly Command[];

  constructor(commands: readonly Command[], groups: Readonly<Record<string, string>>) {
    this.commands = commands;
    for (const command of commands) {
      let node = this.#root;
      const words = command.path.split(' ');
      for (const [index, word] of words.entries()) {
        let child = node.children.get(word);
        if (child === undefined) {
          const path = words.slice(0, index + 1).join(' ');
          child = { help: groups[path] ?? command.help, children: new Map(), command: undefined };
          node.children.set(word, child);
        }
        node = child;
      }
      node.command = command;
    }
  }

  /** The start of a line, for somebody who sees only what they may use. */
  start(surroundings: Surroundings): Place {
    const viewsOf = (inner: Place) =>
      (given(inner, surroundings)?.command.views ?? []).map(({ option, ...view }) =>
        option === undefined
          ? view
          : { ...view, option: { ...option, choices: () => option.choices(surroundings) } },
      );
    return new PipedPlace(new NodePlace(this.#root, surroundings), viewsOf);
  }

  /** The place behind words that were walked before, without pipes. */
  after(surroundings: Surroundings, words: readonly string[]): Place {
    return words.reduce<Place>((place, word) => place.take(word), new NodePlace(this.#root, surroundings));
  }

  /** What those words order. */
  orderedBy(surroundings: Surroundings, words: readonly string[]): PlainOrder | undefined {
    return given(this.after(surroundings, words), surroundings);
  }
}

/** What the place behind a whole line orders. */
export function orderAt(place: Place, surroundings: Surroundings): Order | undefined {
  if (!(place instanceof PipedPlace)) return undefined;
  const order = given(place.inner, surroundings);
  if (order === undefined) return undefined;
  const view = place.pipes.find((pipe) => pipe.kind === 'view')?.name;
  const { args } = order;
  const get = (name: string) => (name === 'view' ? view : args.get(name));
  return { command: order.command, args: { ...args, get }, pipes: place.pipes };
}

/** What a place orders, or what it says is to be done instead. */
function given(place: Place, surroundings: Surroundings): PlainOrder | undefined {
  if (!(place instanceof NodePlace || place instanceof ParameterPlace)) return undefined;
  const order = place.order();
  return order?.command.insteadOf?.(surroundings, order.args.rest) ?? order;
}

class NodePlace implements Place {
  readonly #node: Node;
  readonly #surroundings: Surroundings;

  constructor(node: Node, surroundings: Surroundings) {
    this.#node = node;
    this.#surroundings = surroundings;
  }

  async next(): Promise<Next> {
    const words = [...this.#node.children]
      .filter(([, child]) => visible(child, this.#surroundings))
      .map(([word, { help }]): Choice => ({ word, help }))
      .sort((a, b) => (a.word < b.word ? -1 : 1));
    const own = (await this.#own()?.next()) ?? { choices: [], ends: false };
    return { ...own, choices: [...words, ...own.choices] };
  }

  take(word: string): Place {
    const child = this.#node.children.get(word);
    return child === undefined ? (this.#own()?.take(word) ?? this) : new NodePlace(child, this.#surroundings);
  }

  order(): PlainOrder | undefined {
    return this.#own()?.order();
  }

  /** This word is a command itself: what its parameters allow. */
  #own(): ParameterPlace | undefined {
    const { command } = this.#node;
    if (command === undefined || !mayUse(this.#surroundings.userClass, command.needs)) return undefined;
    return new ParameterPlace(command, this.#surroundings, new Map(), []);
  }
}

const visible = (node: Node, surroundings: Surroundings): boolean =>
  (node.command !== undefined && mayUse(surroundings.userClass, node.command.needs)) ||
  [...node.children.values()].some((child) => visible(child, surroundings));

class ParameterPlace implements Place {
  readonly #command: Command;
  readonly #surroundings: Surroundings;
  readonly #given: ReadonlyMap<string, string>;
  readonly #rest: readonly string[];
  /** An option whose value comes next. */
  readonly #awaited: Parameter | undefined;

  constructor(
    command: Command,
    surroundings: Surroundings,
    given: ReadonlyMap<string, string>,
    rest: readonly string[],
    awaited?: Parameter,
  ) {
    this.#command = command;
    this.#surroundings = surroundings;
    this.#given = given;
    this.#rest = rest;
    this.#awaited = awaited;
  }

  async next(): Promise<Next> {
    if (this.#awaited !== undefined) return { ...(await this.#valueOf(this.#awaited)), ends: false };
    const word = this.#word();
    if (word !== undefined && !word.optional) return { ...(await this.#valueOf(word)), ends: false };
    const rest = this.#parameter('rest');
    if (rest?.kind === 'rest') return rest.next(this.#surroundings, this.#rest);
    const options = this.#options().map(({ name, help }): Choice => ({ word: name, help }));
    if (word === undefined) return { choices: options, ends: true };
    const value = await this.#valueOf(word);
    return { ...value, choices: [...value.choices, ...options], ends: true };
  }

  take(text: string): Place {
    const awaited = this.#awaited;
    if (awaited !== undefined) return this.#with(awaited.name, text);
    const word = this.#word();
    const option = this.#options().find(({ name }) => name === text);
    if (option !== undefined && (word === undefined || word.optional)) {
      if (option.form === undefined && option.choices === undefined) return this.#with(option.name, text);
      return new ParameterPlace(this.#command, this.#surroundings, this.#given, this.#rest, option);
    }
    if (word !== undefined) return this.#with(word.name, text);
    return new ParameterPlace(this.#command, this.#surroundings, this.#given, [...this.#rest, text]);
  }

  order(): PlainOrder {
    const values = this.#given;
    const rest = this.#rest;
    const need = (name: string): string => {
      const value = values.get(name);
      if (value === undefined)
        throw new TypeError(`${this.#command.path}: no word "${name}" that must be given`);
      return value;
    };
    return { command: this.#command, args: { get: (name) => values.get(name), need, rest } };
  }

  #with(name: string, value: string): Place {
    const given = new Map(this.#given).set(name, value);
    return new ParameterPlace(this.#command, this.#surroundings, given, this.#rest);
  }

  #parameter(kind: Parameter['kind']): Parameter | undefined {
    return this.#command.parameters.find((parameter) => parameter.kind === kind);
  }

  /** The first word that was not given. */
  #word() {
    return this.#command.parameters.find(
      (parameter) => parameter.kind === 'word' && !this.#given.has(parameter.name),
    ) as Extract<Parameter, { kind: 'word' }> | undefined;
  }

  #options() {
    return this.#command.parameters.filter(
      (parameter) => parameter.kind === 'option' && !this.#given.has(parameter.name),
    ) as readonly Extract<Parameter, { kind: 'option' }>[];
  }

  async #choicesOf({
    choices,
  }: Exclude<Parameter, { kind: 'rest' }>): Promise<{ choices: readonly Choice[]; known: boolean }> {
    try {
      return { choices: (await choices?.(this.#surroundings)) ?? [], known: true };
    } catch (error) {
      if (!isWeirError(error)) throw error;
      return { choices: [], known: false };
    }
  }

  async #valueOf(parameter: Parameter): Promise<Next> {
    if (parameter.kind === 'rest') return nothingFollows;
    const { choices, known } = await this.#choicesOf(parameter);
    const { help, refuse } = parameter;
    // What there is cannot be told now: any word will do, and the command itself says why nothing comes of it.
    const form = parameter.form ?? (known ? undefined : parameter.name);
    const value = form === undefined ? undefined : { form, help, ...(refuse && { refuse }) };
    return { choices, ends: false, ...(value && { value }) };
  }
}
