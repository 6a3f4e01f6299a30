# Environment variables of the platform team's services, and of those that nobody else looked after.

default['kopi']['config']['env']['SERVER_PORT'] = '8888'

default['kopi']['notifications']['env']['PORT'] = '8270'
default['kopi']['notifications']['env']['SMTP_HOST'] = 'smtp.mailpost.example.com'
default['kopi']['notifications']['env']['SMTP_PORT'] = '587'

default['kopi']['sms-relay']['env']['RELAY_PORT'] = '8275'

default['kopi']['invoicing']['env']['ORDERS_URL'] = 'http://orders.kopi.internal:8210'
default['kopi']['invoicing']['env']['HEALTH_PORT'] = '8310'

default['kopi']['reports']['env']['REPORTS_DB_HOST'] = '10.10.1.21'
