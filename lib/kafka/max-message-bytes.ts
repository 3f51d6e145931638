import { ConfigResourceTypes, type Admin } from 'kafkajs';

const NAME = 'max.message.bytes';

/** The limit that applies to each topic, also if it is the cluster's default. Topics of which it may not be read are left out. */
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
