/** Captures the output of a command on both streams, and restores the exit code. */
export class Printed {
  text = '';

  /** Call this before each test. */
  begin(): void {
    this.text = '';
    process.env['AWS_ENDPOINT_URL_DYNAMODB'] = 'http://127.0.0.1:1';
    for (const stream of [process.stdout, process.stderr]) {
      jest.spyOn(stream, 'write').mockImplementation((text) => {
        this.text += String(text);
        return true;
      });
    }
  }

  /** Call this after each test. */
  end(): void {
    delete process.env['AWS_ENDPOINT_URL_DYNAMODB'];
    process.exitCode = undefined;
    jest.restoreAllMocks();
  }
}
