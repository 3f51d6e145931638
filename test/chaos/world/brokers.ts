import { ConfigResourceTypes } from 'kafkajs';
import { withAdmin } from '../../../local/kafka/topics';
import { startTestbed, type Testbed } from '../../client-conformance/testbed';

export { startTestbed, type Testbed };

/** Sets a configuration of a topic, or removes it. */
export const configureTopic = (
  { cluster }: Pick<Testbed, 'cluster'>,
  topic: string,
  name: string,
  value: string | undefined,
): Promise<unknown> =>
  withAdmin(cluster.brokers, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          ...{ type: ConfigResourceTypes.TOPIC, name: topic },
          configEntries: value === undefined ? [] : [{ name, value }],
        },
      ],
    }),
  );

/** The end of each partition, as `<topic>-<partition>`. */
export async function endsOf({ cluster }: Pick<Testbed, 'cluster'>, topics: readonly string[]) {
  return withAdmin(cluster.brokers, async (admin) => {
    const ends = new Map<string, number>();
    for (const topic of topics) {
      for (const { partition, high } of await admin.fetchTopicOffsets(topic))
        ends.set(`${topic}-${partition}`, Number(high));
    }
    return ends;
  });
}
