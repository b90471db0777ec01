/**
 * The type of parsed arguments, worked out from the names that the options list: what is listed has a
 * type, anything else is unknown, as in the original. Names with dots are nested objects.
 */

/** One name, or several. */
export type Names = string | readonly string[];

/**
 * The result of `parseArgs` for boolean (B), string (S), collected (C) and negatable (N) names, aliases
 * (A), defaults (D) and `"--"`. With no boolean, string or collected name every flag is `any`.
 */
export type Args<B, S, C, N, A, D, DoubleDash> =
  & ([S | C | Exclude<B, false>] extends [never]
    // deno-lint-ignore no-explicit-any -- as in the original
    ? { [flag: string]: any }
    :
      & { [flag: string]: unknown }
      & Flags<Listed<B>, Listed<S>, Listed<C>, Listed<N>, A, D>)
  & { _: (string | number)[] }
  & (DoubleDash extends true ? { "--": string[] } : unknown);

/** The names in a list; none where the list may hold any string. */
type Listed<L> = L extends readonly (infer Name)[] ? Literal<Name> : Literal<L>;
type Literal<Name> = Name extends string
  ? string extends Name ? never : Exclude<Name, "_">
  : never;

type Flags<B, S, C, N, A, D> = Together<
  FlagsOf<B | S | C, B, S, C, N, A, D>
>;

/** One object for each name and each of its other names. */
type FlagsOf<Name, B, S, C, N, A, D> = Name extends string ? Nested<
    Name | Others<A, Name>,
    WithDefault<Value<Name, B, S, C, N>, Default<D, Name>>
  >
  : never;

type Others<A, Name> = {
  [Key in keyof A]: Name extends Key | Listed<A[Key]> ? Key | Listed<A[Key]>
    : never;
}[keyof A];

type Value<Name, B, S, C, N> =
  | (Name extends C
    ? (Name extends S ? string[] : Name extends B ? boolean[] : unknown[])
    : Name extends S ? string | undefined
    : boolean)
  | (Name extends N ? false : never);

type WithDefault<V, D> = [D] extends [never] ? V : Exclude<V, undefined> | D;

/** The type of a default, which may stand at `"a.b"` or at `b` in `a`; never where there is none. */
type Default<D, Name> = Name extends keyof D ? D[Name]
  : Name extends `${infer Head}.${infer Tail}`
    ? Head extends keyof D ? Default<D[Head], Tail> : never
  : never;

/** `V` at the path, optional where it may be undefined. */
type Nested<Path, V> = Path extends `${infer Head}.${infer Tail}`
  ? Property<Head, undefined extends V ? true : false, Nested<Tail, V>>
  : Property<Path & string, undefined extends V ? true : false, V>;

type Property<Key extends string, Optional, V> = Optional extends true
  ? { [K in Key]?: V }
  : { [K in Key]: V };

/** All of a union of objects at once. */
type Together<Union> =
  (Union extends unknown ? (object: Union) => void : never) extends
    ((object: infer All) => void) ? All : never;
