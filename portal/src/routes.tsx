/** Addresses of the pages. Only what is public stands in them. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { LedgerPage } from './ledger/ledger-page.js';
import { Frame } from './shell/frame.js';
import { NotFound } from './shell/not-found.js';

// What paints the first page comes first; the rest when it is asked for.
const EntriesPage = lazyRouteComponent(() => import('./ledger/entries-page.js'), 'EntriesPage');
const EntryPage = lazyRouteComponent(() => import('./ledger/entry-page.js'), 'EntryPage');

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
const check = createRoute({
  getParentRoute: () => root,
  path: '/check',
  component: lazyRouteComponent(() => import('./check/check-page.js'), 'CheckPage'),
});

// Who only looks at the ledger does not load the patient's pages.
const wallet = createRoute({
  getParentRoute: () => root,
  path: '/wallet',
  component: lazyRouteComponent(() => import('./wallet/wallet-page.js'), 'WalletPage'),
});
const home = createRoute({
  getParentRoute: () => root,
  path: '/me',
  component: lazyRouteComponent(() => import('./me/home-page.js'), 'HomePage'),
});
const permissions = createRoute({
  getParentRoute: () => root,
  path: '/me/permissions',
  component: lazyRouteComponent(() => import('./me/permissions-page.js'), 'PermissionsPage'),
});
const timeline = createRoute({
  getParentRoute: () => root,
  path: '/me/timeline',
  component: lazyRouteComponent(() => import('./me/timeline-page.js'), 'TimelinePage'),
});
const measures = createRoute({
  getParentRoute: () => root,
  path: '/me/measures',
  component: lazyRouteComponent(() => import('./me/measures-page.js'), 'MeasuresPage'),
});
const accesses = createRoute({
  getParentRoute: () => root,
  path: '/me/accesses',
  component: lazyRouteComponent(() => import('./me/accesses-page.js'), 'AccessesPage'),
});
const waiting = createRoute({
  getParentRoute: () => root,
  path: '/me/waiting',
  component: lazyRouteComponent(() => import('./me/waiting-page.js'), 'WaitingPage'),
});

const research = createRoute({
  getParentRoute: () => root,
  path: '/research',
  component: lazyRouteComponent(() => import('./research/research-page.js'), 'ResearchPage'),
});
const claims = createRoute({
  getParentRoute: () => root,
  path: '/claims',
  component: lazyRouteComponent(() => import('./claims/claims-page.js'), 'ClaimsPage'),
});
const access = createRoute({
  getParentRoute: () => root,
  path: '/access',
  component: lazyRouteComponent(() => import('./access/access-page.js'), 'AccessPage'),
});
const ownClaims = createRoute({
  getParentRoute: () => root,
  path: '/me/claims',
  component: lazyRouteComponent(() => import('./me/claims-page.js'), 'OwnClaimsPage'),
});
const take = createRoute({
  getParentRoute: () => root,
  path: '/me/take',
  component: lazyRouteComponent(() => import('./take/take-page.js'), 'TakePage'),
});
const erase = createRoute({
  getParentRoute: () => root,
  path: '/me/erase',
  component: lazyRouteComponent(() => import('./me/erase-page.js'), 'ErasePage'),
});
const requests = createRoute({
  getParentRoute: () => root,
  path: '/me/requests',
  component: lazyRouteComponent(() => import('./requests/requests-page.js'), 'RequestsPage'),
});

const join = createRoute({
  getParentRoute: () => root,
  path: '/join',
  component: lazyRouteComponent(() => import('./join/join-page.js'), 'JoinPage'),
});
const authority = createRoute({
  getParentRoute: () => root,
  path: '/authority',
  component: lazyRouteComponent(() => import('./authority/authority-page.js'), 'AuthorityPage'),
});
const desk = createRoute({
  getParentRoute: () => root,
  path: '/desk',
  component: lazyRouteComponent(() => import('./desk/desk-page.js'), 'DeskPage'),
});
const care = createRoute({
  getParentRoute: () => root,
  path: '/patients',
  component: lazyRouteComponent(() => import('./care/care-page.js'), 'CarePage'),
});

const workPages = [join, authority, desk, care];
const ledgerPages = [ledger, entries, entry, check];
const ownPages = [
  wallet,
  home,
  permissions,
  timeline,
  measures,
  accesses,
  waiting,
  requests,
  take,
  erase,
  research,
  claims,
  access,
  ownClaims,
];

export const router = createRouter({
  routeTree: root.addChildren([...ledgerPages, ...ownPages, ...workPages]),
  basepath: '/app',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
