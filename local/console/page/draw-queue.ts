/** Longer work within a frame would make animations stumble: sixty frames a second have 16 ms each. */
const BUDGET_MS = 4;

const waiting = new Map<object, () => void>();
let frame = 0;

/** Draws in one of the next frames. A later call for the same owner replaces one that waits. */
export function drawSoon(owner: object, draw: () => void): void {
  waiting.set(owner, draw);
  if (frame === 0) frame = requestAnimationFrame(drawSome);
}

export const drawNoMore = (owner: object): boolean => waiting.delete(owner);

function drawSome(): void {
  const began = performance.now();
  for (const [owner, draw] of waiting) {
    waiting.delete(owner);
    draw();
    if (performance.now() - began >= BUDGET_MS) break;
  }
  frame = waiting.size === 0 ? 0 : requestAnimationFrame(drawSome);
}
