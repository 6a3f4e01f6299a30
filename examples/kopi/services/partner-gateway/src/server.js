'use strict';

const axios = require('axios');
const express = require('express');
const rateLimit = require('express-rate-limit');
const Redis = require('ioredis');
const { RedisStore } = require('rate-limit-redis');

const config = require('./config');

const redis = new Redis(config.redisUrl);
const app = express();

app.use(express.json());
app.use('/v1', rateLimit({ windowMs: 60_000, max: 600, store: new RedisStore({ sendCommand: (...args) => redis.call(...args) }) }));

app.get('/healthz', (req, res) => res.send('ok'));

app.get('/v1/orders/:number', async (req, res) => {
  const { data } = await axios.get(`${config.ordersUrl}/orders/${req.params.number}`);
  res.json(data);
});

app.put('/v1/outlets/:outlet/stock/:sku', async (req, res) => {
  await axios.put(`${config.inventoryUrl}/outlets/${req.params.outlet}/stock/${req.params.sku}`, req.body);
  res.sendStatus(204);
});

app.post('/v1/riders/:rider/position', async (req, res) => {
  await axios.post(`${config.deliveryUrl}/riders/${req.params.rider}/position`, req.body);
  res.sendStatus(202);
});

app.listen(config.port);
