/** Quotes a text as one argument of a shell, whatever characters a key has. */
export const shellArgument = (text: string): string =>
  /^[\w@%+=:,./-][\w@%+=:,./#-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** A command line that a person can copy into a shell. */
export const shellCommand = (...words: readonly string[]): string => words.map(shellArgument).join(' ');
