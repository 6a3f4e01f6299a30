# Environment variables of the storefront team's services. The monolith has a cookbook of its own: kopi-shop.

default['kopi']['mobile-gateway']['env']['SPRING_PROFILES_ACTIVE'] = 'production'

default['kopi']['search']['env']['NODE_ENV'] = 'production'
default['kopi']['search']['env']['PORT'] = '8240'

default['kopi']['loyalty']['env']['LOYALTY_PORT'] = '8230'

default['kopi']['accounts']['env']['LISTEN'] = ':8250'
default['kopi']['accounts']['env']['AMQP_URL'] = 'amqp://accounts@mq.kopi.internal:5672/kopi'
