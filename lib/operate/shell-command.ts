/** As one argument of a command that a person copies into a shell, whatever a key is made of. */
export const shellArgument = (text: string): string =>
  /^[\w@%+=:,./-][\w@%+=:,./#-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** A command as a person copies it into a shell. */
export const shellCommand = (...words: readonly string[]): string => words.map(shellArgument).join(' ');
