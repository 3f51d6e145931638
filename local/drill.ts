import { createInterface } from 'node:readline/promises';
import { silenceTimerWarning } from '../lib/kafka/timer-warning';
import { INCIDENTS, TEAMS, type Team } from './drills/incidents';
import { CONSUMER, INBOX, Shop } from './drills/shop';
import { LocalStackError } from './errors';
import { progressLines } from './progress-lines';
import { STACK_FILE } from './stack-file';

const NUMBERS = Object.keys(INCIDENTS).map(Number);
const USAGE = `Holds a drill: a small shop on the local stack meets an incident, and you are on call.

  npm run drill -- <number>     1 to ${Math.max(...NUMBERS)}; what each is stays hidden until you have found it

Solve it from another terminal, with docs/operations.md and npx outbox alone. Then read local/drills/answers.md.
`;

const HELP = [
  'call <team>   ask a team to investigate, and to change its own systems:',
  ...Object.entries(TEAMS).map(([team, work]) => `                ${team.padEnd(9)} ${work}`),
  'check         is everything well again?',
  'quit          stops everything',
].join('\n');

const isTeam = (name: string | undefined): name is Team => name !== undefined && Object.hasOwn(TEAMS, name);

async function main(): Promise<number> {
  const number = Number(process.argv[2]);
  const incident = INCIDENTS[number];
  if (incident === undefined || process.argv.length !== 3) {
    process.stdout.write(USAGE);
    return process.argv[2] === '--help' ? 0 : 2;
  }
  silenceTimerWarning();
  const lines = progressLines(process.stderr);
  const shop = await Shop.open({ stackFile: STACK_FILE, onProgress: lines.onProgress }).finally(() => lines.end());
  try {
    for (let order = 1001; order <= 1020; order++) await shop.write(String(order), 'order.placed');
    await shop.settled();
    await incident.begin(shop);
    console.log(`
It is 03:00. The ticket says:

  ${incident.ticket}

The order service writes to the outbox. The consumer "${CONSUMER}" has its inbox in table "${INBOX}"; it reads "orders" and "payments".
From another terminal: npx outbox status. The guide is docs/operations.md. The relay's log: ${shop.stack.relayLog}

${HELP}
`);
    await answerUntilQuit(number, shop);
    return 0;
  } finally {
    await shop.close();
  }
}

async function answerUntilQuit(number: number, shop: Shop): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' });
  terminal.on('SIGINT', () => terminal.close());
  terminal.prompt();
  for await (const line of terminal) {
    const [verb, name] = line.trim().split(/\s+/);
    if (verb === 'quit') break;
    else if (verb === 'call' && isTeam(name)) console.log(await call(number, name, shop));
    else if (verb === 'check') console.log(await check(shop));
    else console.log(HELP);
    terminal.prompt();
  }
  terminal.close();
}

const call = async (number: number, team: Team, shop: Shop): Promise<string> =>
  (await INCIDENTS[number]?.teams?.[team]?.(shop)) ?? `${team}: we see nothing on our side, and have changed nothing.`;

async function check(shop: Shop): Promise<string> {
  const missing = await shop.missing();
  if (missing.length > 0)
    return `Not yet: ${missing.length} events have not had their effect at shipping, or not in order.`;
  return 'Shipping has applied everything that it was to apply. What does npx outbox status say?';
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof LocalStackError ? error.message : error);
    process.exit(1);
  },
);
