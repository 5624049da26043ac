export { partFromSource } from './part.js';
export { SourceChannels } from './source-channels.js';
export type { ChannelTimes, SourceChannelsOptions } from './source-channels.js';
export { channelStates } from './states.js';
export type { ChannelState, ChannelStates, HeldSubscription } from './states.js';
