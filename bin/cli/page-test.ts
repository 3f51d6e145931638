import { alarmPrefix, readAlarms } from '../../lib/operate/alarms';
import { findRelay } from '../../lib/operate/find-outbox';
import { pageTest, planPageTest, type PagePlan, type PageResult } from '../../lib/operate/page-test';
import { ask, canAsk } from './ask';
import { count } from './format';
import type { Session } from './session';

/** The result of a test of the notifications, from CloudWatch and from a person. */
export interface TestedPages {
  readonly untested: PagePlan['untested'];
  readonly results: readonly PageResult[];
  /** Whether a person has confirmed that the notices arrived; left out if no person was asked. */
  readonly arrived?: boolean;
}

/** Plans a test of the notifications. `undefined` on the local stack, which has no alarms. */
export async function planPages({ target, services }: Session): Promise<PagePlan | undefined> {
  if (services === undefined) return undefined;
  const { outboxName } = await findRelay(target, services.lambda);
  return planPageTest(await readAlarms(services.cloudwatch, alarmPrefix(outboxName)));
}

export const notifiedTopics = ({ paths }: PagePlan): string[] => [...new Set(paths.flatMap(({ topics }) => topics))];

/** Sets the alarms off and back. Unless `yes`, it then asks the person there whether the notices have arrived. */
export async function testPages(session: Session, plan: PagePlan, { yes }: { yes: boolean }): Promise<TestedPages> {
  const { services, terminal } = session;
  const { untested } = plan;
  if (services === undefined || plan.paths.length === 0) return { untested, results: [] };
  const results = await pageTest(services.cloudwatch, plan, {
    by: await session.by(),
    onProgress: (doing) => terminal.progress(doing),
  });
  if (yes || !canAsk()) return { untested, results };
  terminal.note(`\nEach of these topics should have sent one notice of ALARM and one of OK:`);
  for (const topic of notifiedTopics(plan)) terminal.note(`  ${topic}`);
  return { untested, results, arrived: await ask('Have they arrived?') };
}

/** Whether the test has found no fault. */
export const arePagesSound = ({ results, arrived }: TestedPages): boolean =>
  arrived !== false &&
  results.every(({ fired, cleared, notices }) => fired && cleared && notices.every(({ state }) => state !== 'refused'));

/** One line for each alarm that notifies, for a person. */
export function pageLines({ untested, results, arrived }: TestedPages): string[] {
  const lines = results.flatMap(({ alarm, trigger, fired, cleared, notices }) => [
    `${alarm}: ${fired ? 'went off' : 'did NOT go off'}${trigger === alarm ? '' : ` with ${trigger}`}, ${cleared ? 'has cleared' : 'has NOT cleared yet'}`,
    ...notices.map(({ topic, state, why }) => `  ${NOTICE[state]} ${topic}${why === undefined ? '' : `: ${why}`}`),
  ]);
  lines.push(...untested.map(({ alarm, why }) => `${alarm}: not tested: ${why}`));
  if (results.length === 0) lines.push('No alarm that notifies a topic was tested.');
  else if (arrived === undefined) lines.push(`Check whether ${count(results.length, 'notice')} arrived.`);
  else
    lines.push(arrived ? 'You confirmed that the notices arrived.' : 'You reported that the notices did NOT arrive.');
  return lines;
}

const NOTICE = {
  sent: 'CloudWatch has notified',
  refused: 'CloudWatch could NOT notify',
  unseen: 'CloudWatch does not show whether it notified',
} as const;
