/** Levenshtein distance without regard to case: the number of letters to change, add or remove. */
export function editDistance(from: string, to: string): number {
  const target = to.toLowerCase();
  let row = Array.from({ length: target.length + 1 }, (_, index) => index);
  Array.from(from.toLowerCase()).forEach((letter, index) => {
    const next = [index + 1];
    for (let column = 1; column <= target.length; column++) {
      const substituted = (row[column - 1] ?? 0) + (letter === target[column - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  });
  return row[target.length] ?? 0;
}
