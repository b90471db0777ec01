/**
 * The type of parsed arguments, worked out from the names that the options list: what is listed has a
 * type, anything else is unknown, as in the original. Names with dots are nested objects.
 */

/** One name, or several. */
export type Names = string | readonly string[];

/** Other names by name. */
export type Aliases = Readonly<Record<string, Names>>;

/**
 * The result of `parseArgs` for boolean, string, collect and negatable names, aliases, defaults and
 * `"--"`. Without boolean, string and collect nothing is known, and every flag is `any`.
 */
export type Args<B, S, C, N, A, D, DoubleDash> =
  & ([S | C | (B extends false | undefined ? never : B)] extends [never]
    // deno-lint-ignore no-explicit-any -- as in the original
    ? { [flag: string]: any }
    : Flags<Listed<B>, Listed<S>, Listed<C>, Listed<N>, A, D>)
  & { _: (string | number)[] }
  & (true extends DoubleDash ? { "--": string[] } : unknown);

/** The names in a list; none where the list is of any strings. */
type Listed<L> = L extends readonly (infer Name)[] ? Literal<Name>
  : Literal<L>;
type Literal<Name> = Name extends string ? string extends Name ? never : Name
  : never;

type Flags<B extends string, S extends string, C extends string, N, A, D> =
  & { [flag: string]: unknown }
  & Combined<
    | Nested<Group<A, B | C>, B, S, C, N, A, D, B | S | C>
    | Nested<Group<A, S>, B, S, C, N, A, D, B | S | C>
    | Unlisted<D, Group<A, B | S | C>>
  >;

/** A name with its other names. */
type Group<A, Name> =
  | Name
  | {
    [Key in keyof A]: Name extends Key | Listed<A[Key]> ? Key | Listed<A[Key]>
      : never;
  }[keyof A];

/** The listed name of which `Name` is another name, or the name itself. */
type Owner<A, Name, All> = All extends string
  ? Name extends Group<A, All> ? All : never
  : never;

type Nested<Name, B, S, C, N, A, D, All> = Name extends string ? Nest<
    Name,
    Value<Owner<A, Name, All>, B, S, C, N>,
    Default<D, Owner<A, Name, All>>
  >
  : never;

/** The value of a flag that is given, or that has one without being given. */
type Value<Name, B, S, C, N> =
  | (Name extends C
    ? (Name extends S ? string[] : Name extends B ? boolean[] : unknown[])
    : Name extends S ? string | undefined
    : boolean)
  | (Name extends N ? false : never);

/** The type of a default value, `never` where there is none; `a.b` may be nested or flat. */
type Default<D, Name> = Name extends keyof D ? { is: D[Name] }
  : Name extends `${infer Head}.${infer Tail}`
    ? Head extends keyof D ? Default<D[Head], Tail> : never
  : never;

/** `V` at the path; optional unless it has a value in any case. */
type Nest<Path extends string, V, D> = Path extends
  `${infer Head}.${infer Tail}`
  ? undefined extends WithDefault<V, D> ? { [Key in Head]?: Nest<Tail, V, D> }
  : { [Key in Head]: Nest<Tail, V, D> }
  : [D] extends [never]
    ? undefined extends V ? { [Key in Path]?: V } : { [Key in Path]: V }
  : { [Key in Path]: WithDefault<V, D> };

type WithDefault<V, D> = [D] extends [{ is: infer Given }]
  ? [D] extends [never] ? V : Exclude<V, undefined> | Given
  : V;

/** Defaults of names that no list has. */
type Unlisted<D, Known> = keyof D extends infer Name
  ? Name extends Known | `${string}.${string}` ? never
  : Name extends Head<Known> ? never
  : Name extends string ? { [Key in Name]: unknown }
  : never
  : never;
type Head<Name> = Name extends `${infer First}.${string}` ? First : never;

/** All of a union of objects at once. */
type Combined<U> = [U] extends [never] ? unknown
  : (U extends unknown ? (object: U) => void : never) extends
    (object: infer All) => void ? All
  : never;
