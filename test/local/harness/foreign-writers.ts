import { spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, ROOT } from '../../../local/folders';

/** An example writer in another language: the command that runs it, or the reason why this machine cannot. */
export type ForeignWriter =
  { readonly language: string; readonly command: string } | { readonly language: string; readonly missing: string };

const EXAMPLES = join(ROOT, 'examples', 'writers');
const SCHEMA = join(ROOT, 'lib', 'event', 'item.schema.json');
const INSTALL_MS = 600_000;

/** Words of pip and Maven if no server can be reached. Any other failure is a fault of the example. */
const NO_NETWORK =
  /NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|Could not transfer artifact|Unknown host|Network is unreachable/i;

interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** The writer in Python, with boto3 in an environment of its own under `.outbox`. */
export const pythonWriter = (): ForeignWriter =>
  prepared({
    language: 'Python',
    needed: ['python3'],
    sources: [join(EXAMPLES, 'python', 'requirements.txt')],
    install: (folder) => [
      { program: 'python3', args: ['-m', 'venv', folder] },
      {
        program: join(folder, 'bin', 'python'),
        args: ['-m', 'pip', 'install', '--quiet', '--requirement', join(EXAMPLES, 'python', 'requirements.txt')],
      },
    ],
    commandIn: (folder) => `'${join(folder, 'bin', 'python')}' '${join(EXAMPLES, 'python', 'writer.py')}'`,
  });

/** The writer in Java, compiled by Maven into a folder under `.outbox`. */
export const javaWriter = (): ForeignWriter => {
  const pom = join(EXAMPLES, 'java', 'pom.xml');
  return prepared({
    language: 'Java',
    needed: ['java', 'mvn'],
    sources: [pom, join(EXAMPLES, 'java', 'src', 'main', 'java', 'Writer.java'), SCHEMA],
    install: (folder) => [
      { program: 'mvn', args: ['--batch-mode', '--quiet', '--file', pom, `-Dbuild.folder=${folder}`, 'package'] },
    ],
    // The class path of a short program: no time for compilation to fast code.
    commandIn: (folder) =>
      `java -XX:TieredStopAtLevel=1 -cp '${join(folder, 'writer.jar')}:${join(folder, 'lib', '*')}' Writer`,
  });
};

interface Preparation {
  readonly language: string;
  readonly needed: readonly string[];
  /** The installation is repeated if one of these files changes. */
  readonly sources: readonly string[];
  readonly install: (folder: string) => readonly Command[];
  readonly commandIn: (folder: string) => string;
}

/** Installs once, before the tests of a file are declared, so that one without its language is skipped. */
function prepared({ language, needed, sources, install, commandIn }: Preparation): ForeignWriter {
  const absent = needed.find((program) => spawnSync(program, ['-h'], { timeout: INSTALL_MS }).error !== undefined);
  if (absent !== undefined) return { language, missing: `there is no "${absent}" on the PATH` };
  const hash = createHash('sha256');
  for (const source of sources) hash.update(readFileSync(source));
  const folder = join(CACHE, `${language.toLowerCase()}-writer-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return { language, command: commandIn(folder) };
  mkdirSync(CACHE, { recursive: true });
  // A partial installation must not pass for a complete one.
  const draft = join(CACHE, `draft-${randomUUID()}`);
  try {
    for (const { program, args } of install(draft)) {
      const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: INSTALL_MS });
      if (status === 0) continue;
      const output = `${error?.message ?? ''}\n${stdout}${stderr}`.trim();
      if (NO_NETWORK.test(output)) return { language, missing: `${program} reaches no server` };
      throw new Error(`${program} ${args.join(' ')} ended with ${String(status)}:\n${output.slice(-4_000)}`);
    }
    if (!existsSync(folder)) renameSync(draft, folder);
    return { language, command: commandIn(folder) };
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
