export { HINT_KINDS, NOTICE_KINDS } from '../../http/contract/index.js';
export type { HintKind, NoticeKind } from '../../http/contract/index.js';
export { Hints } from './hints.js';
export type { Hint, HintsOptions } from './hints.js';
export { FEED_MAX, FEED_PAGE_MAX, Notices } from './notices.js';
export type { FeedItem, Notice, NoticesOptions } from './notices.js';
