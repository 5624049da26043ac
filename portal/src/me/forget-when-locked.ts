/** When the wallet is locked, the session ends and nothing of the record stays in the page. */
import { endSession } from '../session/session.js';
import { queries } from '../shell/queries.js';
import { holder } from '../wallet/holder.js';
import { OWN } from './own-query.js';

let isWatching = false;

export function forgetWhenLocked(): void {
  if (isWatching) return;
  isWatching = true;
  holder.subscribe(() => {
    if (holder.now().state === 'open') return;
    endSession();
    queries.removeQueries({ queryKey: [OWN] });
  });
}
