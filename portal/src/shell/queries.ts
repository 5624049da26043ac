import { QueryClient } from '@tanstack/react-query';

/** What was asked for, in this page's memory. */
export const queries = new QueryClient({
  defaultOptions: { queries: { retry: 1, refetchOnWindowFocus: false, networkMode: 'always' } },
});
