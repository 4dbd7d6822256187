import type { RawValue } from './raw-tree.ts';
import type { LeafSchema } from './schema.ts';

/** What is shown instead of a secret. It is never taken for one: what was shown may be pasted back. */
export const secretMask = '********';

/** Why `value` is none of this leaf; undefined: it is one. A secret is not repeated. */
export function leafFault(schema: LeafSchema, value: unknown): string | undefined {
  const secret = 'secret' in schema && schema.secret === true;
  const shown = secret ? 'the value' : (JSON.stringify(value) ?? 'the value').slice(0, 80);
  switch (schema.type) {
    case 'integer': {
      const { min, max } = schema;
      const fits = typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
      return fits ? undefined : `${shown} must be ${leafForm(schema)}`;
    }
    case 'string':
      if (secret && value === secretMask) return `${secretMask} only stands for the secret: give the secret`;
      if (typeof value !== 'string' || !schema.pattern.test(value)) return `${shown} must be: ${schema.form}`;
      return schema.fault?.(value);
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `${shown} must be true or false`;
    case 'enum':
      return typeof value === 'string' && schema.values.includes(value)
        ? undefined
        : `${shown} must be one of ${schema.values.join(', ')}`;
  }
}

/** What a person may write for this leaf. */
export function leafForm(schema: LeafSchema): string {
  switch (schema.type) {
    case 'integer':
      return `a whole number from ${schema.min} to ${schema.max}${schema.unit ? ` (${schema.unit})` : ''}`;
    case 'string':
      return schema.form;
    case 'boolean':
      return 'true or false';
    case 'enum':
      return `one of ${schema.values.join(', ')}`;
  }
}

/** The value a typed word stands for; where it is none of this leaf, one that `leafFault` finds fault with. */
export function leafFromWord(schema: LeafSchema, word: string): RawValue {
  if (schema.type === 'integer' && /^-?\d{1,16}$/.test(word)) return Number(word);
  if (schema.type === 'boolean' && (word === 'true' || word === 'false')) return word === 'true';
  return word;
}
