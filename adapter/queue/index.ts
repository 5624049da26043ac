export { QueueError } from './errors.js';
export type { QueueErrorCode } from './errors.js';
export { startPrivateRedis } from './private-redis.js';
export type { PrivateRedis, PrivateRedisOptions } from './private-redis.js';
export { findRedisBinary } from './redis-binary.js';
export type { RedisBinary } from './redis-binary.js';
