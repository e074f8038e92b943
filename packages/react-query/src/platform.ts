// Where reports go: the only file of this package that touches the console. Time and chance are the core's.

/** Says it where the application does not hear reports. */
export const logError = (...what: readonly unknown[]): void =>
  // biome-ignore lint/suspicious/noConsole: nobody else would learn of it
  console.error('sse-hub', ...what)
