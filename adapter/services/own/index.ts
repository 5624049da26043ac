export { OwnRecord } from './own-record.js';
