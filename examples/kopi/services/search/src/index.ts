import config from 'config';
import express from 'express';
import { Pool } from 'pg';

const db = new Pool({
  host: config.get('database.host'),
  port: config.get('database.port'),
  database: config.get('database.name'),
  user: config.get('database.user'),
});

const app = express();

app.get('/healthz', (_req, res) => res.send('ok'));

app.get('/search', async (req, res) => {
  const { rows } = await db.query(
    'select id, name from menu_items where document @@ websearch_to_tsquery($1) limit 50',
    [req.query.q],
  );
  res.json(rows);
});

app.listen(config.get('port'));
