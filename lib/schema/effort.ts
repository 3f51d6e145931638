/** Limits the steps that a question may take: a schema that refers to itself can be unfolded forever. */
export class Effort {
  #steps: number;

  constructor(steps = 500) {
    this.#steps = steps;
  }

  /** Whether one more step may be made. */
  spend(): boolean {
    this.#steps--;
    return this.#steps >= 0;
  }
}
