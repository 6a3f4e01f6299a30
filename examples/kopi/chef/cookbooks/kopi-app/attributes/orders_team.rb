# Environment variables of the order team's services.

default['kopi']['orders']['env']['SPRING_PROFILES_ACTIVE'] = 'production'
default['kopi']['orders']['env']['JAVA_TOOL_OPTIONS'] = '-XX:+UseG1GC'

default['kopi']['inventory']['env']['SPRING_PROFILES_ACTIVE'] = 'production'

default['kopi']['pricing']['env']['ASPNETCORE_ENVIRONMENT'] = 'Production'
default['kopi']['pricing']['env']['ASPNETCORE_URLS'] = 'http://0.0.0.0:8220'

default['kopi']['delivery']['env']['DELIVERY_CONFIG'] = '/srv/kopi/delivery/current/delivery.ini'
# Environments override this with an address: the client looked the name up for every single call (2018).
default['kopi']['delivery']['env']['REDIS_URL'] = 'redis://redis-cache.kopi.internal:6379/3'

default['kopi']['partner-gateway']['env']['NODE_ENV'] = 'production'
default['kopi']['partner-gateway']['env']['PORT'] = '8205'
default['kopi']['partner-gateway']['env']['ORDERS_URL'] = 'http://orders.kopi.internal:8210'
