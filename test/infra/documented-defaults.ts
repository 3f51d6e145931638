import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** `@default` tag by option of an interface in lib/infra, or `undefined` for an option that must be given. */
export function documentedDefaults(fileName: string, interfaceName: string): Map<string, string | undefined> {
  const file = join(__dirname, '../../lib/infra', fileName);
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const props = source.statements.find(
    (statement): statement is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(statement) && statement.name.text === interfaceName,
  );
  return new Map(
    props!.members.map((member) => {
      const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default');
      return [member.name!.getText(), tag && ts.getTextOfJSDocComment(tag.comment)];
    }),
  );
}
