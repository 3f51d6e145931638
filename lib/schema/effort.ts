/** How much is tried before a question is left open: schemas that refer to themselves can be unfolded without end. */
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
