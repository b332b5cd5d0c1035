/** `any` passes every other check, so it needs one of its own: these resolve to `never` unless all is well. */
type IsAny<T> = 0 extends 1 & T ? true : false;
type Leaks<T> =
  IsAny<T> extends true
    ? 'any'
    : T extends (...args: infer Arguments) => infer Result
      ? IsAny<Arguments[number]> extends true
        ? 'an argument is any'
        : IsAny<Result> extends true
          ? 'the result is any'
          : never
      : never;

/** The names of a module's exports that are, take or give `any`. */
export type AnyExports<Module> = {
  [Name in keyof Module]-?: Leaks<Module[Name]> extends never ? never : Name;
}[keyof Module];
export type AnyMembers<T> = { [Name in keyof T]-?: IsAny<T[Name]> extends true ? Name : never }[keyof T];

export function none<_T extends never>(): void {}
