export { FEED_MAX, FEED_PAGE_MAX, NOTICE_KINDS, Notices } from './notices.js';
export type { FeedItem, Notice, NoticeKind, NoticesOptions } from './notices.js';
