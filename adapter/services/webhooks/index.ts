export { addWebhook, listWebhooks, removeWebhook, testWebhook } from './admin.js';
export type { OperatorsWebhook } from './admin.js';
export { WebhookDelivery } from './delivery.js';
export type { DeliveryPatience } from './delivery.js';
export { Webhooks } from './webhooks.js';
