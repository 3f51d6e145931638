import { planTopic, type FoundTopic, type TopicStep } from './plan';
import { decodeTopicRequest, type TopicRequest, type WantedTopic } from './request';

export interface TopicAdmin {
  find(topic: string): Promise<FoundTopic | undefined>;
  /** Does nothing if a topic of that name exists. */
  create(topic: WantedTopic): Promise<void>;
  grow(topic: string, partitions: number): Promise<void>;
  /** Replaces all properties that are set on the topic itself. */
  configure(topic: string, configs: Readonly<Record<string, string>>): Promise<void>;
  /** Does nothing if the topic does not exist. */
  remove(topic: string): Promise<void>;
}

/** The part of CloudFormation's event that the handler reads. */
export interface ResourceEvent {
  readonly RequestType: 'Create' | 'Update' | 'Delete';
  readonly ResourceProperties: Readonly<Record<string, unknown>>;
  readonly PhysicalResourceId?: string;
  readonly OldResourceProperties?: Readonly<Record<string, unknown>>;
}

export interface ResourceAnswer {
  /** A new cluster or name yields a new id. CloudFormation then requests the deletion of the old topic. */
  readonly PhysicalResourceId: string;
  readonly Data: { readonly Topic: string; readonly Done: string };
}

/** Limit of find-and-change rounds. Only a creation is followed by another round. */
const ATTEMPTS = 3;

/**
 * Handles one event of a custom resource. Each run first reads the topic and then does only the missing steps. A second
 * run, or a run after one that died half way, therefore completes the work.
 *
 * @param cluster - the cluster that `admin` connects to
 */
export async function handleTopic(event: ResourceEvent, cluster: string, admin: TopicAdmin): Promise<ResourceAnswer> {
  if (event.RequestType === 'Delete') return remove(event, cluster, admin);
  const request = decodeTopicRequest(event.ResourceProperties);
  const answer = (done: string): ResourceAnswer => answerOf(request, done);
  const before = event.RequestType === 'Update' ? managedBefore(event, request) : undefined;
  if (request.mode === 'check') {
    planTopic(request, await admin.find(request.topic), before);
    return answer('checked');
  }
  return answer(await bringAbout(request, before, admin));
}

const answerOf = ({ cluster, topic }: TopicRequest, done: string): ResourceAnswer => ({
  PhysicalResourceId: `${cluster}/${topic}`,
  Data: { Topic: topic, Done: done },
});

type ManagedTopic = Pick<TopicRequest, 'configs'>;

/** The configuration that this resource managed until now; `undefined` if it managed another topic. */
function managedBefore({ OldResourceProperties: old }: ResourceEvent, request: TopicRequest): ManagedTopic | undefined {
  const before = readable(old);
  if (before === undefined) return { configs: {} };
  return before.topic === request.topic && before.cluster === request.cluster ? before : undefined;
}

/** Another version of the construct may have written properties that this version cannot decode. */
function readable(properties: ResourceEvent['ResourceProperties'] | undefined): TopicRequest | undefined {
  try {
    return properties === undefined ? undefined : decodeTopicRequest(properties);
  } catch {
    return undefined;
  }
}

/** Deletes the requested topic, and only in the cluster where this resource created it. */
async function remove(event: ResourceEvent, cluster: string, admin: TopicAdmin): Promise<ResourceAnswer> {
  const request = readable(event.ResourceProperties);
  const answer = (done: string): ResourceAnswer => ({
    // CloudFormation rejects a changed id in the response to a deletion.
    PhysicalResourceId: event.PhysicalResourceId ?? `${cluster}/${request?.topic ?? ''}`,
    Data: { Topic: request?.topic ?? '', Done: done },
  });
  // CloudFormation requests this deletion even after a creation that failed on its properties. It must succeed.
  if (request === undefined || request.mode === 'check' || request.onRemoval !== 'delete') return answer('retained');
  // If the cluster was replaced, `cluster` is the new one, whose topic of the same name is a different topic.
  if (request.cluster !== cluster) return answer('retained');
  await admin.remove(request.topic);
  return answer('deleted');
}

async function bringAbout(request: TopicRequest, before: ManagedTopic | undefined, admin: TopicAdmin): Promise<string> {
  const done: string[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const steps = planTopic(request, await admin.find(request.topic), before);
    if (steps.length === 0) break;
    for (const step of steps) {
      await take(step, request, admin);
      done.push(step.kind);
    }
    // If another client created the topic in the meantime, the topic may differ from the request: check it again.
    if (!steps.some(({ kind }) => kind === 'create')) break;
  }
  return done.length === 0 ? 'nothing' : done.join(', ');
}

function take(step: TopicStep, request: TopicRequest, admin: TopicAdmin): Promise<void> {
  switch (step.kind) {
    case 'create':
      return admin.create(request);
    case 'grow':
      return admin.grow(request.topic, step.partitions);
    case 'configure':
      return admin.configure(request.topic, step.configs);
  }
}
