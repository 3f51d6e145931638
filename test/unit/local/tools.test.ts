import { missingTools, requireTools } from '../../../local/kafka/tools';

describe('on a machine without Java and Maven', () => {
  const environment = { PATH: '/nowhere' };

  it('names what is missing and how to get it', () => {
    expect(missingTools(environment)).toContainEqual({
      tool: 'java',
      problem: 'there is no "java" on the PATH',
      howToGet: expect.stringContaining('apt-get install openjdk-17-jre-headless') as string,
    });
  });

  it('refuses to start, with the way to do without', () => {
    expect(() => requireTools(undefined, environment)).toThrow(expect.objectContaining({ code: 'missing-tool' }));
    expect(() => requireTools(undefined, environment)).toThrow('docker compose up');
  });

  it('does not ask for what is not needed', () => {
    expect(() => requireTools([], environment)).not.toThrow();
  });
});
