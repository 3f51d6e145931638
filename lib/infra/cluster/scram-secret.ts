import { Stack, Token } from 'aws-cdk-lib';
import { CfnSecret, type ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { requireOption } from '../options/invalid-option';

/** MSK requires this prefix. https://docs.aws.amazon.com/msk/latest/developerguide/msk-password-tutorial.html */
export const SCRAM_SECRET_PREFIX = 'AmazonMSK_';

/** @throws OutboxError `invalid-option` for a secret that MSK would refuse to associate with a cluster. */
export function checkScramSecret(secret: ISecret, option = 'scramSecret'): void {
  const resource = secret.node.defaultChild;
  const made = resource instanceof CfnSecret ? resource : undefined;
  const name = made === undefined ? secret.secretName : nameOf(made);
  const advice = 'MSK associates no other with a cluster.';
  // The name of an imported secret may be known only at deployment.
  requireOption(
    (made === undefined && Token.isUnresolved(name)) || name?.startsWith(SCRAM_SECRET_PREFIX) === true,
    option,
    name === undefined ? 'a secret with a generated name' : `the secret "${name}"`,
    `a secret whose name begins with ${SCRAM_SECRET_PREFIX}`,
    advice,
  );
  requireOption(
    made === undefined || made.kmsKeyId !== undefined,
    option,
    "a secret under the account's default key",
    'a secret with an encryptionKey of your own',
    advice,
  );
}

function nameOf(made: CfnSecret): string | undefined {
  const name: unknown = Stack.of(made).resolve(made.name);
  return typeof name === 'string' ? name : undefined;
}
