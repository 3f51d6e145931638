import { useEffect, useRef, useState } from 'preact/hooks';
import type { AlarmStatus } from '../../cloudwatch/alarm-monitor';
import type { DataPort } from './data-port';
import { clockTime, messageOf } from './format';

/** An alarm with its runbook, in a dialog. */
export function Runbook({
  alarm,
  port,
  onClose,
}: {
  readonly alarm: AlarmStatus;
  readonly port: DataPort;
  readonly onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [html, setHtml] = useState<string>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    dialog.current?.showModal();
    if (alarm.runbook === undefined) return;
    void port.runbook(alarm.runbook).then(setHtml, (error: unknown) => setProblem(messageOf(error)));
  }, [alarm.name]);
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="alarm">
      <header>
        <h2 id="alarm">{alarm.name}</h2>
        <button type="button" class="close" aria-label="Close" onClick={() => dialog.current?.close()}>
          ×
        </button>
      </header>
      <p>
        {alarm.state === 'ALARM' ? 'In alarm' : alarm.state === 'OK' ? 'OK' : 'No data yet'} since{' '}
        {clockTime(alarm.stateSinceMs)}. {alarm.description}
      </p>
      {problem === undefined ? null : <p class="error">{problem}</p>}
      {/* The text is a file of this repository. */}
      {html === undefined ? null : <article dangerouslySetInnerHTML={{ __html: html }} />}
    </dialog>
  );
}
