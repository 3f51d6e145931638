/** Quotes a text as one argument of a shell, whatever characters a key has. */
export const shellArgument = (text: string): string =>
  /^[\w@%+=:,./-][\w@%+=:,./#-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

export const shellCommand = (...words: readonly string[]): string => words.map(shellArgument).join(' ');
