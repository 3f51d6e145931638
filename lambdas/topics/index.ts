import type { CdkCustomResourceEvent, CdkCustomResourceResponse } from 'aws-lambda';
import { kafkaClient } from '../../lib/kafka/client';
import { secretReader } from '../../lib/kafka/secrets';
import { decodeTopicsConfig } from '../../lib/topics/environment';
import { handleTopic } from '../../lib/topics/handle';
import { withTopicAdmin } from '../../lib/topics/kafka-admin';

const config = decodeTopicsConfig(process.env);
const connect = kafkaClient({ ...config, name: 'topics' }, secretReader());

/** Handles one event of a custom resource. The CDK's provider framework invokes it and responds to CloudFormation. */
export async function handler(event: CdkCustomResourceEvent): Promise<CdkCustomResourceResponse> {
  const client = await connect(config.brokers);
  const answer = await withTopicAdmin(client, (admin) => handleTopic(event, config.cluster, admin));
  console.log(JSON.stringify({ service: 'outbox-topics', request: event.RequestType, ...answer.Data }));
  return answer;
}
