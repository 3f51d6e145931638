import type { AlarmStatus } from '../../cloudwatch/alarm-monitor';

const WORDS = { OK: 'OK', ALARM: 'in alarm', INSUFFICIENT_DATA: 'no data yet' } as const;

/** Without the prefix that all alarms of a stack share. */
const shortName = (name: string, all: readonly AlarmStatus[]): string => {
  const first = all[0]?.name ?? '';
  let length = 0;
  while (length < first.length && all.every((each) => each.name[length] === first[length])) length += 1;
  const cut = first.lastIndexOf('-', length - 1) + 1;
  return all.length > 1 ? name.slice(cut) : name;
};

/** The states of alarms. Each opens its runbook. */
export function Alarms({
  alarms,
  onAlarm,
}: {
  readonly alarms: readonly AlarmStatus[];
  readonly onAlarm: (alarm: AlarmStatus) => void;
}) {
  const order = { ALARM: 0, INSUFFICIENT_DATA: 2, OK: 1 } as const;
  const sorted = alarms.toSorted((a, b) => order[a.state] - order[b.state]);
  return (
    <ul class="alarms">
      {sorted.map((alarm) => (
        <li key={alarm.name}>
          <button type="button" class={`alarm ${alarm.state}`} title={alarm.description} onClick={() => onAlarm(alarm)}>
            <i aria-hidden="true" />
            {shortName(alarm.name, alarms)}
            <span class="unseen">: {WORDS[alarm.state]}</span>
            {alarm.isWarmingUp ? <small> warms up</small> : null}
          </button>
        </li>
      ))}
    </ul>
  );
}
