import { ConfigResourceTypes, type Admin } from 'kafkajs';

const NAME = 'max.message.bytes';

/** The effective limit of each topic, even if it is the cluster's default; without topics that may not be read. */
export async function maxMessageBytesOf(
  admin: Pick<Admin, 'describeConfigs'>,
  topics: readonly string[],
): Promise<Map<string, number>> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map((name) => ({ type: ConfigResourceTypes.TOPIC, name, configNames: [NAME] })),
  });
  return new Map(
    resources.flatMap(({ resourceName, configEntries }) => {
      const value = configEntries.find(({ configName }) => configName === NAME)?.configValue;
      return value === undefined ? [] : [[resourceName, Number(value)] as const];
    }),
  );
}
