import type { ActionInput } from '../actions';
import type { InspectedKey } from '../inspect-key';
import type { Console, Progress, StackStatus } from '../console';
import type { EventOnItsWay } from '../event-on-its-way';

/** Updates that arrive by themselves, several times a second. */
export interface Updates {
  readonly events: readonly EventOnItsWay[];
  readonly lanes: Progress;
  readonly status: StackStatus;
  readonly dashboard: ReturnType<Console['dashboard']>;
}

/** The result of planning or running an action. */
export interface ActionResult {
  readonly lines: readonly string[];
  /** The command that does the same. */
  readonly command: string;
}

/** An action as the page offers it. */
export interface OfferedAction {
  readonly name: string;
  readonly label: string;
  readonly needs: readonly (keyof ActionInput)[];
}

/** Everything that the page needs to know about an outbox, wherever it runs. */
export interface DataPort {
  /** Calls back with each update; `connected` with whether updates arrive. Returns a function that ends it. */
  subscribe(
    onUpdate: <Name extends keyof Updates>(name: Name, update: Updates[Name]) => void,
    onConnected: (connected: boolean) => void,
  ): () => void;
  actions(): Promise<readonly OfferedAction[]>;
  act(name: string, step: 'plan' | 'run', input: ActionInput): Promise<ActionResult>;
  setFault(name: string, on: boolean): Promise<void>;
  key(key: string): Promise<InspectedKey>;
  /** A runbook as HTML. */
  runbook(name: string): Promise<string>;
}

const NAMES = ['events', 'lanes', 'status', 'dashboard'] as const satisfies readonly (keyof Updates)[];

/** The data of a local stack, from the server that serves the page. */
export function localDataPort(token: string): DataPort {
  const call = async (path: string, body?: unknown): Promise<Response> => {
    const response = await fetch(path, {
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      headers: { 'content-type': 'application/json', 'x-console-token': token },
    });
    if (response.ok) return response;
    const { error } = (await response.json()) as { readonly error: string };
    throw new Error(error);
  };
  const json = async <T>(path: string, body?: unknown): Promise<T> => (await (await call(path, body)).json()) as T;
  return {
    subscribe(onUpdate, onConnected) {
      const source = new EventSource('/api/stream');
      source.addEventListener('open', () => onConnected(true));
      source.addEventListener('error', () => onConnected(false));
      for (const name of NAMES) {
        source.addEventListener(name, (message: Event & { readonly data?: unknown }) => {
          onUpdate(name, JSON.parse(String(message.data)) as never);
        });
      }
      return () => source.close();
    },
    actions: () => json('/api/actions'),
    act: (name, step, input) => json(`/api/actions/${name}/${step}`, input),
    async setFault(name, on) {
      await call(`/api/faults/${name}`, { on });
    },
    key: (key) => json(`/api/keys/${encodeURIComponent(key)}`),
    runbook: async (name) => (await call(`/api/runbooks/${name}`)).text(),
  };
}
