/** Makes a class work with and without `new`, as the packages this one follows did. `instanceof` holds either way. */
export function callable<Args extends unknown[], Instance>(
  Class: new (...args: Args) => Instance,
): { new (...args: Args): Instance; (...args: Args): Instance } {
  return new Proxy(Class, { apply: (target, _this, args) => new target(...(args as Args)) }) as {
    new (...args: Args): Instance;
    (...args: Args): Instance;
  };
}
