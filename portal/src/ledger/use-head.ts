import { useQuery } from '@tanstack/react-query';

/** How often a page that is open asks whether the log has grown, ms. */
const EVERY_MS = 15_000;

/** The head, read again now and then. The page is painted before what checks it has come. */
export function useHead() {
  return useQuery({
    queryKey: ['head'],
    queryFn: async () => (await import('./head.js')).readHead(),
    refetchInterval: EVERY_MS,
    staleTime: EVERY_MS,
  });
}
