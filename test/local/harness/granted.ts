interface Statement {
  readonly Action: string | string[];
}
interface PolicyOrFunction {
  readonly Type: string;
  readonly Properties: {
    readonly Role?: { readonly 'Fn::GetAtt': readonly [string, string] };
    readonly Roles?: readonly { readonly Ref: string }[];
    readonly PolicyDocument?: { readonly Statement: readonly Statement[] };
  };
}
interface Resources {
  readonly Resources: Readonly<Record<string, PolicyOrFunction>>;
}

/** The actions of a service, such as `dynamodb`, that a template grants the matching roles. */
export function grantedActions(template: unknown, role: RegExp, service: string): string[] {
  const actions = Object.values((template as Resources).Resources)
    .filter(
      ({ Type, Properties: { Roles = [] } }) => Type === 'AWS::IAM::Policy' && Roles.some(({ Ref }) => role.test(Ref)),
    )
    .flatMap(({ Properties }) => Properties.PolicyDocument?.Statement ?? [])
    .flatMap(({ Action }) => Action)
    .filter((action) => action.startsWith(`${service}:`));
  return [...new Set(actions)].toSorted();
}

/** The role of a function. */
export function roleOf(template: unknown, functionId: string): RegExp {
  const role = (template as Resources).Resources[functionId]?.Properties.Role?.['Fn::GetAtt'][0];
  return new RegExp(`^${String(role)}$`);
}
