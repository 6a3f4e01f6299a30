'use strict';

require('dotenv').config();

const http = require('http');
const amqp = require('amqplib');
const fetch = require('node-fetch');
const nodemailer = require('nodemailer');

const ACCOUNTS_URL = process.env.ACCOUNTS_URL || 'http://accounts.kopi.internal:8250';
const SMS_RELAY_URL = process.env.SMS_RELAY_URL;

const mail = nodemailer.createTransport({
  host: process.env.SMTP_HOST,
  port: Number(process.env.SMTP_PORT || 587),
});

async function notify({ customer, text }) {
  const { phone, email } = await (await fetch(`${ACCOUNTS_URL}/customers/${customer}/contact`)).json();
  if (phone) {
    await fetch(`${SMS_RELAY_URL}/messages`, { method: 'POST', body: JSON.stringify({ to: phone, text }) });
    return;
  }
  await mail.sendMail({ from: process.env.MAIL_FROM, to: email, text });
}

async function main() {
  const connection = await amqp.connect({ hostname: process.env.AMQP_HOST, vhost: process.env.AMQP_VHOST });
  const channel = await connection.createChannel();
  await channel.consume('notifications', async (message) => {
    await notify(JSON.parse(message.content));
    channel.ack(message);
  });
  http.createServer((req, res) => res.end('ok')).listen(process.env.PORT);
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
