import { useState } from 'preact/hooks';
import type { EffectStatus, FaultStatus } from '../fault-trials';
import type { DataPort } from './data-port';
import { duration, keyLink, messageOf } from './format';

/** The faults that can be tried. Each names the effects that should be seen, and shows which have been. */
export function Faults({ faults, port }: { readonly faults: readonly FaultStatus[]; readonly port: DataPort }) {
  const [busy, setBusy] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const toggle = async (fault: FaultStatus): Promise<void> => {
    setBusy(fault.name);
    setProblem(undefined);
    try {
      await port.setFault(fault.name, !fault.isOn);
    } catch (error) {
      setProblem(messageOf(error));
    } finally {
      setBusy(undefined);
    }
  };
  const [latest, ...others] = faults
    .filter(({ wasTried }) => wasTried)
    .toSorted((a, b) => (b.sinceMs ?? 0) - (a.sinceMs ?? 0));
  const shown = latest === undefined ? [] : [latest, ...others.filter(({ isOn }) => isOn)];
  return (
    <section aria-labelledby="faults">
      <h3 id="faults">Break something</h3>
      <div class="buttons">
        {faults.map((fault) => (
          <button
            key={fault.name}
            type="button"
            class="fault"
            aria-pressed={fault.lasts ? fault.isOn : undefined}
            disabled={busy !== undefined}
            onClick={() => void toggle(fault)}
          >
            {busy === fault.name ? '… ' : ''}
            {fault.isOn ? `End: ${fault.label}` : fault.label}
          </button>
        ))}
      </div>
      <div class="expectations" aria-live="polite">
        {shown.map(({ name, label, isOn, lasts, effects, key }) => (
          <div key={name}>
            <p>
              <strong>{isOn || !lasts ? label : `Ended: ${label}`}</strong>
              {key === undefined ? null : (
                <>
                  {' '}
                  · its key: <a href={keyLink(key)}>{key}</a>
                </>
              )}
            </p>
            <Effects effects={effects} />
          </div>
        ))}
        {problem === undefined ? null : <p class="error">{problem}</p>}
      </div>
    </section>
  );
}

function Effects({ effects }: { readonly effects: readonly EffectStatus[] }) {
  return (
    <ul class="effects">
      {effects.map(({ text, seenAfterMs }) => (
        <li key={text} class={seenAfterMs === undefined ? 'awaited' : 'seen'}>
          <span aria-hidden="true">{seenAfterMs === undefined ? '…' : '✓'}</span>
          <span>
            {text} <em>{seenAfterMs === undefined ? 'not seen yet' : `seen after ${duration(seenAfterMs)}`}</em>
          </span>
        </li>
      ))}
    </ul>
  );
}
