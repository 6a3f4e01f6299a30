'use strict';

module.exports = {
  port: Number(process.env.PORT || 8205),
  ordersUrl: process.env.ORDERS_URL || 'http://localhost:8210',
  inventoryUrl: process.env.INVENTORY_URL || 'http://inventory.kopi.internal:8215',
  deliveryUrl: process.env.DELIVERY_URL || 'http://delivery.kopi.internal:8260',
  redisUrl: process.env.REDIS_URL,
  signingKey: process.env.SIGNING_KEY_FILE || 'keys/webhook-signing.pem',
};
