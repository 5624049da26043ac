/** Addresses of the pages. Only what is public stands in them. */
import { createRootRoute, createRoute, createRouter } from '@tanstack/react-router';
import { CheckPage } from './check/check-page.js';
import { EntriesPage } from './ledger/entries-page.js';
import { EntryPage } from './ledger/entry-page.js';
import { LedgerPage } from './ledger/ledger-page.js';
import { Frame } from './shell/frame.js';
import { NotFound } from './shell/not-found.js';

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound });

/** A number in an address, or `undefined` for anything else. */
const natural = (value: unknown): number | undefined =>
  /^\d{1,15}$/.test(String(value)) ? Number(value) : undefined;

const ledger = createRoute({ getParentRoute: () => root, path: '/', component: LedgerPage });
const entries = createRoute({
  getParentRoute: () => root,
  path: '/entries',
  validateSearch: (search): { before?: number } => {
    const before = natural(search['before']);
    return before === undefined ? {} : { before };
  },
  component: function Entries() {
    const { before } = entries.useSearch();
    return <EntriesPage before={before} />;
  },
});
const entry = createRoute({
  getParentRoute: () => root,
  path: '/entries/$leaf',
  component: function Entry() {
    const leaf = natural(entry.useParams().leaf);
    return leaf === undefined ? <NotFound /> : <EntryPage leaf={leaf} />;
  },
});
const check = createRoute({ getParentRoute: () => root, path: '/check', component: CheckPage });

export const router = createRouter({
  routeTree: root.addChildren([ledger, entries, entry, check]),
  basepath: '/app',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
