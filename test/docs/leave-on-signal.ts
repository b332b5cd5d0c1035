/** Loaded before a program under test, so that it can be ended in order, as a page is when its tab is closed. */
process.once('SIGUSR2', () => process.exit());

export {};
