import { planTopic, type FoundTopic, type TopicStep } from './plan';
import { decodeTopicRequest, type TopicRequest, type WantedTopic } from './request';

/** The cluster, as far as topics are concerned. */
export interface TopicAdmin {
  find(topic: string): Promise<FoundTopic | undefined>;
  /** Does nothing when there is one by that name. */
  create(topic: WantedTopic): Promise<void>;
  grow(topic: string, partitions: number): Promise<void>;
  /** Replaces everything that the topic has of its own. */
  configure(topic: string, configs: Readonly<Record<string, string>>): Promise<void>;
  /** Does nothing when there is none. */
  remove(topic: string): Promise<void>;
}

/** The part of CloudFormation's event that is looked at. */
export interface ResourceEvent {
  readonly RequestType: 'Create' | 'Update' | 'Delete';
  readonly ResourceProperties: Readonly<Record<string, unknown>>;
  readonly PhysicalResourceId?: string;
  readonly OldResourceProperties?: Readonly<Record<string, unknown>>;
}

export interface ResourceAnswer {
  /** Another cluster or name is another topic: CloudFormation then asks to delete the old one. */
  readonly PhysicalResourceId: string;
  readonly Data: { readonly Topic: string; readonly Done: string };
}

/** One look, one change, one look whether it is as it should be. */
const ATTEMPTS = 3;

/**
 * Acts on one event of a custom resource. Each run looks first and does what is missing, so that a second one, or one
 * after a run that died half way, finishes what was begun.
 *
 * @param cluster - the one that `admin` reaches
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

/** What this resource said of the topic until now; `undefined` when it was about another one. */
function managedBefore({ OldResourceProperties: old }: ResourceEvent, request: TopicRequest): ManagedTopic | undefined {
  const before = readable(old);
  if (before === undefined) return { configs: {} };
  return before.topic === request.topic && before.cluster === request.cluster ? before : undefined;
}

/** Properties that another version of the construct has written may not be readable. */
function readable(properties: ResourceEvent['ResourceProperties'] | undefined): TopicRequest | undefined {
  try {
    return properties === undefined ? undefined : decodeTopicRequest(properties);
  } catch {
    return undefined;
  }
}

/** Deletes what was asked to be deleted, in the cluster that it was made in, and nothing else. */
async function remove(event: ResourceEvent, cluster: string, admin: TopicAdmin): Promise<ResourceAnswer> {
  const request = readable(event.ResourceProperties);
  const answer = (done: string): ResourceAnswer => ({
    // CloudFormation does not take another name for what is being deleted.
    PhysicalResourceId: event.PhysicalResourceId ?? `${cluster}/${request?.topic ?? ''}`,
    Data: { Topic: request?.topic ?? '', Done: done },
  });
  // After a creation that was refused for its properties CloudFormation asks to delete what never was: it must succeed.
  if (request === undefined || request.mode === 'check' || request.onRemoval !== 'delete') return answer('retained');
  // The function reaches the new cluster when the old one was exchanged: the topic of that name there is another one.
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
    // A topic that somebody else has made meanwhile may be another one than was wanted: look again.
    if (steps.some(({ kind }) => kind === 'create')) continue;
    break;
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
