/** Something that is asked of the minder from a dialog: under way, refused, done. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { describeError } from '../api.js';

export interface Task {
  readonly isBusy: boolean;
  /** Why the last one failed, for the operator. */
  readonly error: string | undefined;
  /** Does it, unless one is under way. What a dialog that was closed has asked for changes nothing here. */
  run<T>(work: () => Promise<T>, done?: (result: T) => void): void;
}

export function useTask(): Task {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const busy = useRef(false);
  const gone = useRef(false);
  useEffect(
    () => () => {
      gone.current = true;
    },
    [],
  );
  return {
    isBusy,
    error,
    run: (work, done) => {
      if (busy.current) return;
      busy.current = true;
      setBusy(true);
      setError(undefined);
      work()
        .then(
          (result) => {
            if (!gone.current) done?.(result);
          },
          (reason: unknown) => {
            if (!gone.current) setError(describeError(reason));
          },
        )
        .finally(() => {
          busy.current = false;
          if (!gone.current) setBusy(false);
        });
    },
  };
}
