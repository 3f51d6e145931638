import type { AlarmStatus } from '../../cloudwatch/alarm-monitor';
import type { WidgetData } from '../../cloudwatch/dashboard';
import { Alarms } from './alarms';
import { Chart, colourName, inSight, type Span } from './chart';
import { valueOn } from './format';

/** The dashboard of the template, widget by widget. */
export function Dashboard({
  widgets,
  span,
  onAlarm,
}: {
  readonly widgets: readonly WidgetData[];
  readonly span: Span;
  readonly onAlarm: (alarm: AlarmStatus) => void;
}) {
  return (
    <div class="grid">
      {widgets.map((widget) => (
        <section
          key={`${widget.x} ${widget.y} ${widget.title ?? widget.markdown ?? ''}`}
          class={`widget ${widget.type}`}
          style={{ '--from': widget.x + 1, '--columns': widget.width }}
        >
          <Widget widget={widget} span={span} onAlarm={onAlarm} />
        </section>
      ))}
    </div>
  );
}

function Widget({
  widget,
  span,
  onAlarm,
}: {
  readonly widget: WidgetData;
  readonly span: Span;
  readonly onAlarm: (alarm: AlarmStatus) => void;
}) {
  const { type, title, markdown = '', alarms = [], error, view } = widget;
  if (type === 'text') return <Markdown text={markdown} />;
  return (
    <>
      <h4>{title}</h4>
      {type === 'alarm' ? (
        <Alarms alarms={alarms} onAlarm={onAlarm} />
      ) : error !== undefined ? (
        <p class="error">{error}</p>
      ) : view === 'singleValue' ? (
        <SingleValue widget={widget} />
      ) : (
        <>
          <Chart widget={widget} span={span} />
          <Legend widget={widget} />
        </>
      )}
    </>
  );
}

/** The dashboard's texts use headings and plain paragraphs only. */
function Markdown({ text }: { readonly text: string }) {
  return (
    <>
      {text.split('\n').map((line) => {
        const [, marks, heading] = /^(#+) (.*)$/.exec(line) ?? [];
        if (marks === undefined) return <p key={line}>{line}</p>;
        return marks.length === 1 ? <h2 key={line}>{heading}</h2> : <h3 key={line}>{heading}</h3>;
      })}
    </>
  );
}

function SingleValue({ widget: { lines = [], axes } }: { readonly widget: WidgetData }) {
  return (
    <div class="values">
      {lines.map(({ label, values, axis }) => {
        const value = values.at(-1);
        return (
          <div key={label}>
            <strong>{value === undefined ? '–' : valueOn(axes?.[axis]?.label, value)}</strong>
            <span>{label}</span>
          </div>
        );
      })}
    </div>
  );
}

function Legend({ widget }: { readonly widget: WidgetData }) {
  const { lines = [], axes, annotations = [] } = widget;
  const drawn = inSight(widget);
  return (
    <ul class="legend">
      {lines.map(({ label, values, axis }, index) => {
        const value = values.at(-1);
        return (
          <li key={`${axis} ${label}`}>
            <i style={{ background: `var(${colourName(index)})` }} />
            {label} <b>{value === undefined ? '–' : valueOn(axes?.[axis]?.label, value)}</b>
          </li>
        );
      })}
      {annotations
        .filter((annotation) => !drawn.includes(annotation))
        .map(({ label, value, yAxis = 'left' }) => (
          <li key={label} class="threshold">
            {/\d/.test(label ?? '') ? label : `${label ?? ''} at ${valueOn(axes?.[yAxis]?.label, value)}`}
          </li>
        ))}
    </ul>
  );
}
