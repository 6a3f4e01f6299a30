default['kopi']['shop']['port'] = 3000
default['kopi']['shop']['workers'] = 4
default['kopi']['shop']['database']['host'] = 'db.kopi.internal'
default['kopi']['shop']['database']['name'] = 'shop_production'
default['kopi']['shop']['database']['pool'] = 25

default['kopi']['shop']['env']['RAILS_ENV'] = 'production'
default['kopi']['shop']['env']['RAILS_LOG_TO_STDOUT'] = '1'
default['kopi']['shop']['env']['MALLOC_ARENA_MAX'] = '2'
# sessions moved out of the cookie in 2020
default['kopi']['shop']['env']['REDIS_SESSIONS_URL'] = 'redis://redis-sessions.kopi.internal:6380/0'
