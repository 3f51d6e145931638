import { useState } from 'preact/hooks';
import type { FaultStatus } from '../console';
import type { DataPort } from './data-port';
import { keyLink, messageOf } from './format';

/** The faults that can be tried. Each names what should happen. */
export function Faults({ faults, port }: { readonly faults: readonly FaultStatus[]; readonly port: DataPort }) {
  const [busy, setBusy] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const [tried, setTried] = useState<string>();
  const toggle = async (fault: FaultStatus): Promise<void> => {
    setBusy(fault.name);
    setTried(fault.name);
    setProblem(undefined);
    try {
      await port.setFault(fault.name, !fault.isOn);
    } catch (error) {
      setProblem(messageOf(error));
    } finally {
      setBusy(undefined);
    }
  };
  const shown = faults.filter(({ isOn, name }) => isOn || name === tried);
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
        {shown.map(({ name, label, isOn, lasts, expectation, recovery, key }) => (
          <p key={name}>
            <strong>{label}.</strong> {isOn || !lasts ? expectation : recovery}
            {key === undefined ? null : (
              <>
                {' '}
                Its key: <a href={keyLink(key)}>{key}</a>.
              </>
            )}
          </p>
        ))}
        {problem === undefined ? null : <p class="error">{problem}</p>}
      </div>
    </section>
  );
}
