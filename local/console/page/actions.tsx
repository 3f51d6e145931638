import { useEffect, useState } from 'preact/hooks';
import type { ActionResult, DataPort, OfferedAction } from './data-port';
import { messageOf } from './format';

/** Offers the actions of an operator: first what an action would do, then the action. */
export function Actions({
  port,
  of: key,
  onDone,
}: {
  readonly port: DataPort;
  readonly of?: string;
  readonly onDone?: () => void;
}) {
  const [actions, setActions] = useState<readonly OfferedAction[]>([]);
  const [chosen, setChosen] = useState<OfferedAction>();
  const [why, setWhy] = useState('');
  const [preview, setPreview] = useState<ActionResult>();
  const [result, setResult] = useState<ActionResult>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => void port.actions().then(setActions, (error: unknown) => setProblem(messageOf(error))), [port]);

  const attempt = async (work: () => Promise<void>): Promise<void> => {
    setProblem(undefined);
    try {
      await work();
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  const plan = (action: OfferedAction): Promise<void> =>
    attempt(async () => {
      setChosen(action);
      setResult(undefined);
      setPreview(undefined);
      setPreview(await port.act(action.name, 'plan', { key, why }));
    });
  const run = (action: OfferedAction): Promise<void> =>
    attempt(async () => {
      setResult(await port.act(action.name, 'run', { key, why: why === '' ? 'tried in the console' : why }));
      setPreview(undefined);
      onDone?.();
    });
  const offered = actions.filter(({ needs }) => needs.includes('key') === (key !== undefined));
  return (
    <div class="actions">
      <div class="buttons">
        {offered.map((action) => (
          <button
            key={action.name}
            type="button"
            aria-pressed={chosen?.name === action.name}
            onClick={() => void plan(action)}
          >
            {action.label} …
          </button>
        ))}
      </div>
      {chosen === undefined || preview === undefined ? null : (
        <form
          class="preview"
          onSubmit={(event) => {
            event.preventDefault();
            void run(chosen);
          }}
        >
          <ul>
            {preview.lines.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
          {chosen.needs.includes('why') ? (
            <label>
              Reason{' '}
              <input
                value={why}
                placeholder="the topic accepts it now"
                onInput={(event) => setWhy(event.currentTarget.value)}
              />
            </label>
          ) : null}
          <code>{preview.command}</code>
          <button type="submit" class="primary">
            {chosen.label}
          </button>
        </form>
      )}
      <div aria-live="polite">
        {result === undefined ? null : (
          <div class="preview">
            <ul>
              {result.lines.map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
            <code>{result.command}</code>
          </div>
        )}
        {problem === undefined ? null : <p class="error">{problem}</p>}
      </div>
    </div>
  );
}
