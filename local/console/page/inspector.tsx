import { useCallback, useEffect, useState } from 'preact/hooks';
import type { InspectedKey } from '../inspect-key';
import { Actions } from './actions';
import type { DataPort } from './data-port';
import { clockTime, messageOf } from './format';

const REFRESH_MS = 2_000;

/** Everything about one key: items, states, messages, effects, and what to do. */
export function KeyInspector({ port, of: key }: { readonly port: DataPort; readonly of: string }) {
  const [found, setFound] = useState<InspectedKey>();
  const [problem, setProblem] = useState<string>();
  const read = useCallback(async () => {
    try {
      setFound(await port.key(key));
      setProblem(undefined);
    } catch (error) {
      setProblem(messageOf(error));
    }
  }, [port, key]);
  useEffect(() => {
    setFound(undefined);
    void read();
    const timer = setInterval(() => void read(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [read]);
  return (
    <aside class="inspector" aria-labelledby="inspected">
      <header>
        <h2 id="inspected">{key}</h2>
        <a class="close" href="#/" aria-label="Close">
          ×
        </a>
      </header>
      {problem === undefined ? null : <p class="error">{problem}</p>}
      {found === undefined ? (
        problem === undefined ? (
          <p>Reading table, topics and consumers …</p>
        ) : null
      ) : (
        <Found found={found} />
      )}
      <Actions port={port} of={key} onDone={() => void read()} />
    </aside>
  );
}

function Found({ found: { shown, explanation, parked, unread } }: { readonly found: InspectedKey }) {
  return (
    <>
      {explanation === undefined ? null : (
        <p class={`verdict ${explanation.verdict}`}>
          {explanation.why}
          {explanation.next === undefined ? null : <code>{explanation.next}</code>}
        </p>
      )}
      {shown.hold === undefined ? null : (
        <p class="verdict held">
          Held since {clockTime(shown.hold.since)} ({shown.hold.reason}): {shown.hold.message}
        </p>
      )}
      {shown.items.length === 0 ? (
        <p>The table has no item of this key.</p>
      ) : (
        <div class="scrolls" tabIndex={0} role="region" aria-label="Items">
          <table>
            <thead>
              <tr>
                <th>Position</th>
                <th>Events</th>
                <th>State</th>
                <th>Messages</th>
              </tr>
            </thead>
            <tbody>
              {shown.items.map(({ position, events, state, receipts, parked: refusal }) => (
                <tr key={position}>
                  <td>{position.replace(/^0+(?=\d)/, 'v')}</td>
                  <td>{events.map(({ type }) => type ?? '?').join(', ')}</td>
                  <td>
                    <span class={`state ${state}`}>{state}</span>
                    {refusal === undefined || state !== 'parked' ? null : <small> {refusal.reason}</small>}
                  </td>
                  <td>{receipts.join(', ') || '–'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {parked.map(({ consumer, waiting, why }) => (
        <p key={consumer} class="verdict held">
          At consumer {consumer}: parked ({why}). {waiting} events wait behind it.
        </p>
      ))}
      {unread.map((line) => (
        <p key={line} class="error">
          Not read: {line}
        </p>
      ))}
    </>
  );
}
