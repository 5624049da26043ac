/** Something a button does that takes a while and may fail: one at a time, its failure kept to be shown. */
import { useRef, useState } from 'react';

export interface Act {
  readonly isBusy: boolean;
  readonly failure: unknown;
  /** Does it, unless it is being done. */
  readonly run: (work: () => Promise<void>) => void;
}

export function useAct(): Act {
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  // State comes a moment too late for a double click.
  const busy = useRef(false);
  const run = (work: () => Promise<void>): void => {
    if (busy.current) return;
    busy.current = true;
    setBusy(true);
    setFailure(undefined);
    work()
      .catch((error: unknown) => setFailure(error))
      .finally(() => {
        busy.current = false;
        setBusy(false);
      });
  };
  return { isBusy, failure, run };
}
