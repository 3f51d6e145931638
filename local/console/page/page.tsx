import './language';
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { AlarmStatus } from '../../cloudwatch/alarm-monitor';
import { Actions } from './actions';
import type { Span } from './chart';
import { Dashboard } from './dashboard';
import { localDataPort, type DataPort, type Updates } from './data-port';
import { Faults } from './faults';
import { duration, keyLink, keyOfLink, number } from './format';
import { KeyInspector } from './inspector';
import { LanePicture } from './lane-picture';
import { Runbook } from './runbook';
import './page.css';

/** The key that the address of the page names. */
function useKeyOfAddress(): string | undefined {
  const [key, setKey] = useState(keyOfLink(location.hash));
  useEffect(() => {
    const onChange = (): void => setKey(keyOfLink(location.hash));
    addEventListener('hashchange', onChange);
    // The address may have changed before this effect ran.
    onChange();
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return key;
}

function Page({ port }: { readonly port: DataPort }) {
  const [connected, setConnected] = useState(false);
  const [lanes, setLanes] = useState<Updates['lanes']>();
  const [status, setStatus] = useState<Updates['status']>();
  const [dashboard, setDashboard] = useState<Updates['dashboard']>();
  const [alarm, setAlarm] = useState<AlarmStatus>();
  const picture = useRef<LanePicture>(undefined);
  const canvas = useRef<HTMLCanvasElement>(null);
  const key = useKeyOfAddress();

  useEffect(() => {
    if (canvas.current === null) return undefined;
    const drawn = new LanePicture(canvas.current);
    picture.current = drawn;
    const observer = new ResizeObserver(() => drawn.resize());
    observer.observe(canvas.current);
    return () => {
      observer.disconnect();
      drawn.stop();
    };
  }, []);
  useEffect(() => {
    const receive: { [Name in keyof Updates]: (update: Updates[Name]) => void } = {
      events: (events) => picture.current?.update(events),
      lanes: (update) => {
        setLanes(update);
        picture.current?.hold(update.waiting);
      },
      status: (update) => {
        setStatus(update);
        picture.current?.consumedTopics(update.consumers.flatMap(({ topics }) => topics));
      },
      dashboard: setDashboard,
    };
    return port.subscribe((name, update) => receive[name](update), setConnected);
  }, [port]);

  const red = shownAlarms(dashboard).filter(({ state }) => state === 'ALARM').length;
  return (
    <>
      <header class="top">
        <h1>Outbox</h1>
        <p class="chips">
          {connected ? null : <span class="chip bad">connection lost; trying again …</span>}
          {status === undefined ? null : <StatusChips status={status} />}
          <span class={`chip ${red > 0 ? 'bad' : 'good'}`}>
            {red === 0 ? 'no alarm' : red === 1 ? '1 alarm' : `${red} alarms`}
          </span>
        </p>
      </header>
      <main>
        <section aria-labelledby="way">
          <h3 id="way">Events on their way</h3>
          <canvas
            ref={canvas}
            class="lanes"
            role="img"
            aria-label={`Events on their way from the commit to the consumer: ${lanes?.unfinished ?? 0} have not arrived.`}
          />
          {lanes === undefined ? null : <Counts lanes={lanes} />}
        </section>
        {status === undefined || status.faults.length === 0 ? null : <Faults faults={status.faults} port={port} />}
        <section aria-labelledby="operate">
          <h3 id="operate">Operate</h3>
          <KeySearch />
          <Actions port={port} />
        </section>
        {dashboard === undefined ? null : (
          <Dashboard widgets={dashboard.widgets} span={spanOf(dashboard)} onAlarm={setAlarm} />
        )}
        {status === undefined ? null : (
          <p class="note">
            The dashboard and the alarms are those of the synthesized template. Locally their periods are {status.scale}{' '}
            times shorter: a minute of CloudWatch lasts {number(60 / status.scale)} s. Thresholds are the same.
          </p>
        )}
      </main>
      {key === undefined ? null : <KeyInspector port={port} of={key} />}
      {alarm === undefined ? null : <Runbook alarm={alarm} port={port} onClose={() => setAlarm(undefined)} />}
    </>
  );
}

/** The alarms that a widget of the dashboard shows: not the parts of composite alarms. */
const shownAlarms = (dashboard: Updates['dashboard'] | undefined): readonly AlarmStatus[] =>
  dashboard?.widgets.flatMap(({ alarms = [] }) => alarms) ?? [];

const SHORTEST_SPAN_MS = 2 * 60_000;
const LONGEST_SPAN_MS = 10 * 60_000;

/** From the start of the console, but not too little and not too much. */
function spanOf({ nowMs, sinceMs }: Updates['dashboard']): Span {
  return { fromMs: nowMs - Math.min(LONGEST_SPAN_MS, Math.max(SHORTEST_SPAN_MS, nowMs - sinceMs)), toMs: nowMs };
}

function StatusChips({
  status: { mapping, relayPid, brokers, isEmulatorBusy },
}: {
  readonly status: Updates['status'];
}) {
  const running = brokers.filter(({ isRunning }) => isRunning).length;
  return (
    <>
      <span class={`chip ${mapping === 'Enabled' ? 'good' : 'bad'}`}>mapping {mapping.toLowerCase()}</span>
      <span class={`chip ${relayPid === undefined ? 'neutral' : 'good'}`}>
        {relayPid === undefined ? 'relay not started' : 'relay runs'}
      </span>
      <span class={`chip ${running === brokers.length ? 'good' : 'bad'}`}>
        {running} of {brokers.length} broker{brokers.length === 1 ? '' : 's'}
      </span>
      {isEmulatorBusy ? (
        <span class="chip bad" title="Latencies are those of its queue. Start with a smaller --rate.">
          DynamoDB Local is the bottleneck
        </span>
      ) : null}
    </>
  );
}

function Counts({ lanes: { counts, waiting, unfinished, latency } }: { readonly lanes: Updates['lanes'] }) {
  return (
    <>
      <ul class="counts">
        <li>
          <b>{number(counts.committed)}</b> committed
        </li>
        <li>
          <b>{number(counts.arrived)}</b> on their topic
        </li>
        <li>
          <b>{number(counts.applied)}</b> applied
        </li>
        <li>
          <b>{number(counts.marked)}</b> marked
        </li>
        <li class={unfinished > 50 ? 'warn' : ''}>
          <b>{number(unfinished)}</b> on their way
        </li>
        {latency.count === 0 ? null : (
          <li title="Of the last ten seconds">
            from commit to effect <b>{duration(latency.p50Ms)}</b> (p50), <b>{duration(latency.p99Ms)}</b> (p99)
          </li>
        )}
      </ul>
      {waiting.length === 0 ? null : (
        <p class="held-keys">
          <strong>Held keys:</strong>{' '}
          {waiting.slice(0, 12).map(({ key, reason }) => (
            <a key={key} class="chip bad" href={keyLink(key)} title={reason}>
              {key}
            </a>
          ))}
          {waiting.length > 12 ? ` and ${waiting.length - 12} more` : ''}
        </p>
      )}
    </>
  );
}

function KeySearch() {
  const [text, setText] = useState('');
  return (
    <form
      class="search"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.includes('#')) location.hash = keyLink(text.trim());
      }}
    >
      <label>
        Inspect a key{' '}
        <input
          value={text}
          placeholder="order#order-1"
          pattern="[^#]+#.+"
          title="an aggregate and a key, such as order#42"
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="submit">Inspect</button>
    </form>
  );
}

const token = document.querySelector<HTMLMetaElement>('meta[name="console-token"]')?.content ?? '';
const root = document.getElementById('page');
if (root !== null) {
  root.textContent = '';
  render(<Page port={localDataPort(token)} />, root);
}
