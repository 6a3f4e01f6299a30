# PCI scope. A change here needs a second pair of eyes from the payments team.
default['kopi']['payments']['port'] = 8300
default['kopi']['payments']['env']['PAYMENTS_LISTEN'] = '0.0.0.0:8300'
default['kopi']['payments']['env']['DATABASE_URL'] = 'postgres://payments@pg-payments.kopi.internal:5433/payments?sslmode=require'
default['kopi']['payments']['env']['CARD_MERCHANT'] = 'kopi-test'
