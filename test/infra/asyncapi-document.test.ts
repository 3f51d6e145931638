import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileFunction } from 'node:vm';
import { Stage, type Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import ts from 'typescript';
import { blocksOf } from '../unit/docs/documented-commands';

const DOCUMENT = '{ "asyncapi": "3.0.0" }\n';

type Example = (load: typeof require, exported: object) => void;

/** Runs the example of docs/schemas.md in a folder that has the document. */
function documentedStack(folder: string): Stack {
  const block = blocksOf('docs/schemas.md').find(({ text }) => text.includes('aws-s3-assets'));
  const { outputText } = ts.transpileModule(block?.text ?? '', { compilerOptions: { module: ts.ModuleKind.CommonJS } });
  const exported: { stack?: Stack } = {};
  const before = process.cwd();
  process.chdir(folder);
  try {
    (compileFunction(outputText, ['require', 'exports']) as Example)(require, exported);
  } finally {
    process.chdir(before);
  }
  if (exported.stack === undefined) throw new Error('The example of docs/schemas.md exports no stack.');
  return exported.stack;
}

test('the documented stack uploads the document, and prints its address', () => {
  const folder = mkdtempSync(join(tmpdir(), 'asyncapi-'));
  try {
    writeFileSync(join(folder, 'asyncapi.json'), DOCUMENT);
    const stack = documentedStack(folder);
    const template = Template.fromStack(stack);
    const outdir = Stage.of(stack)?.outdir ?? '';
    const assets = readdirSync(outdir).filter((file) => /^asset\..+\.json$/.test(file));
    expect(assets).toHaveLength(1);
    const [asset = ''] = assets;
    expect(readFileSync(join(outdir, asset), 'utf8')).toBe(DOCUMENT);
    template.hasOutput('AsyncApiUrl', {
      Value: { 'Fn::Sub': Match.stringLikeRegexp(`^s3://.+/${asset.replace('asset.', '')}$`) },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
