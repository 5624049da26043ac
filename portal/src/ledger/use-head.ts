import { useQuery } from '@tanstack/react-query';
import { readHead } from './head.js';

/** How often a page that is open asks whether the log has grown, ms. */
const EVERY_MS = 15_000;

/** The head, read again now and then. */
export function useHead() {
  return useQuery({ queryKey: ['head'], queryFn: readHead, refetchInterval: EVERY_MS, staleTime: EVERY_MS });
}
