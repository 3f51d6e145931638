import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { outboxStacks } from '../bin/app/outbox-stacks';
import { CACHE, ROOT } from '../local/folders';
import { lintTemplates } from './cfn-lint';
import { ACKNOWLEDGEMENTS } from './infra-acknowledgements';
import { VARIANTS } from './infra-variants';

/** CloudFormation accepts 500 resources and 1 MB; these limits leave half of it for growth. */
const MAX_RESOURCES = 250;
const MAX_TEMPLATE_BYTES = 500_000;

const FOLDER = join(CACHE, 'infra');

/** A stack trace for each construct is in no template, and takes a tenth of the time of a synthesis. */
const NO_TRACES = { 'aws:cdk:disable-creation-stack-traces': true };

const { context: flags } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')) as {
  readonly context: Readonly<Record<string, unknown>>;
};

/**
 * Checks that every variant of the app synthesizes twice to the same bytes, has no unacknowledged finding of cdk-nag,
 * stays below the limits of templates, and has neither errors nor warnings of cfn-lint.
 */
async function checkAll(): Promise<void> {
  rmSync(FOLDER, { recursive: true, force: true });
  const templates = Object.entries(VARIANTS).flatMap(([name, context]) => checkVariant(name, context));
  // Variants have stacks in common, and the same bytes have the same findings.
  const distinct = [...new Map(templates.map((path) => [readFileSync(path, 'utf8'), path])).values()];
  await lintTemplates(distinct);
  console.log(`cfn-lint: ${templates.length} templates are clean, ${distinct.length} of them distinct`);
}

function checkVariant(name: string, context: Readonly<Record<string, string>>): string[] {
  const folder = join(FOLDER, name);
  const used = synthesize(folder, context, true);
  synthesize(`${folder}-again`, context, false);
  const templates = readdirSync(folder).filter((file) => file.endsWith('.template.json'));
  for (const file of readdirSync(folder).filter((each) => /\.(template|assets)\.json$/.test(each))) {
    if (readFileSync(join(folder, file), 'utf8') !== readFileSync(join(`${folder}-again`, file), 'utf8')) {
      throw new Error(`${name}: ${file} differs between two syntheses.`);
    }
  }
  const sizes = templates.map((file) => checkSize(name, join(folder, file)));
  console.log(`${name}: ${sizes.join('; ')}; ${used} acknowledged findings, no other`);
  return templates.map((file) => join(folder, file));
}

/** Returns the number of acknowledged findings. Throws for any other finding. */
function synthesize(outdir: string, context: Readonly<Record<string, string>>, check: boolean): number {
  const app = new App({
    ...{ analyticsReporting: false, outdir, context: { ...flags, ...NO_TRACES, ...context } },
    // Takes several seconds for each variant, and finds the same in the same bytes.
    builtinCloudFormationValidation: check,
  });
  outboxStacks(app, app.node.getAllContext() as Record<string, unknown>);
  let used = 0;
  if (check) {
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    for (const construct of app.node.findAll()) {
      for (const { id, reason } of ACKNOWLEDGEMENTS.filter((each) => each.where.test(construct.node.path))) {
        Validations.of(construct).acknowledge({ id, reason });
        used++;
      }
    }
  }
  app.synth();
  return used;
}

function checkSize(name: string, path: string): string {
  const text = readFileSync(path, 'utf8');
  const { Resources } = JSON.parse(text) as { readonly Resources: object };
  const resources = Object.keys(Resources).length;
  if (resources > MAX_RESOURCES || text.length > MAX_TEMPLATE_BYTES) {
    throw new Error(
      `${name}: ${path} has ${resources} resources and ${text.length} bytes; allowed are ${MAX_RESOURCES} and ${MAX_TEMPLATE_BYTES}.`,
    );
  }
  return `${resources} resources, ${Math.ceil(text.length / 1000)} kB`;
}

checkAll().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
