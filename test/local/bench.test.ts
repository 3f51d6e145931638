import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BenchReport } from '../../bench/relay-report';
import { COMPRESSIONS } from '../../lib/relay/environment';
import { ROOT } from '../../local/folders';
import { STARTUP_MS } from './harness/world';

it(
  'measures each program, which publishes and marks exactly the events that it gets',
  async () => {
    const args = ['--import', 'tsx', join('bench', 'relay.ts'), '--events', '1000', '--rounds', '1', '--json'];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
    const { scenarios } = JSON.parse(stdout) as BenchReport;
    expect(new Set(scenarios.map(({ compression }) => compression))).toEqual(
      new Set(COMPRESSIONS.filter((name) => name !== 'gzip')),
    );
    for (const { eventsPerSecond, cpuMsPer1000 } of scenarios) {
      expect(Math.min(eventsPerSecond, cpuMsPer1000)).toBeGreaterThan(0);
    }
  },
  2 * STARTUP_MS,
);
