import type { World } from './simulations';

/**
 * Plays a short history once for each of its points, with the process that waits there ended at it: before the effect of
 * a call, and after it. `every` and `first` select fewer points.
 *
 * @returns the number of points of the history, and the points at which a promise was broken
 */
export async function crashAtEachPoint(
  world: World,
  profile: object,
  { seed, steps, every = 1, first = 0 }: { seed: number; steps: number; every?: number; first?: number },
  onPlayed: (peaks: object) => void = () => undefined,
): Promise<{
  readonly points: number;
  readonly broken: readonly { readonly crashAt: number; readonly wrong: readonly string[] }[];
}> {
  const whole = new world(seed, profile);
  await whole.play(steps);
  const broken: { crashAt: number; wrong: readonly string[] }[] = [];
  for (let crashAt = first; crashAt < whole.points; crashAt += every) {
    const crashed = new world(seed, { ...profile, crashAt });
    const wrong = await crashed.play(steps);
    if (wrong.length > 0) broken.push({ crashAt, wrong });
    onPlayed(crashed.peaks);
  }
  return { points: whole.points, broken };
}
