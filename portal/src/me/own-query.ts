import { useQuery } from '@tanstack/react-query';
import type { UseQueryResult } from '@tanstack/react-query';
import { askJsonAs } from '../session/session.js';
import { fingerprintOf } from '../wallet/wallet.js';
import type { Wallet } from '../wallet/wallet.js';

/** Names all that is kept in memory of a patient: it goes when the wallet is locked. */
export const OWN = 'own';

/** An answer of the server to the wallet's holder. */
export function useOwn<T>(wallet: Wallet, path: string): UseQueryResult<T> {
  return useQuery({
    queryKey: [OWN, fingerprintOf(wallet), path],
    queryFn: () => askJsonAs<T>(wallet, path),
    // What was shown a moment ago is an access too.
    staleTime: 0,
  });
}
