/** What the command line prints in a test, on either stream, and its exit code left as it was. */
export class Printed {
  text = '';

  /** Before each test. */
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

  /** After each test. */
  end(): void {
    delete process.env['AWS_ENDPOINT_URL_DYNAMODB'];
    process.exitCode = undefined;
    jest.restoreAllMocks();
  }
}
