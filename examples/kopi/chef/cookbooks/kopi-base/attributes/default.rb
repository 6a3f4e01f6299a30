default['kopi']['base']['ntp_servers'] = ['0.pool.ntp.org', '1.pool.ntp.org']
default['kopi']['base']['node_exporter']['port'] = 9100
default['kopi']['base']['syslog']['host'] = 'logs.kopi.internal'
default['kopi']['base']['syslog']['port'] = 5140

# Environments override these.
default['kopi']['country'] = 'SG'
default['kopi']['dns']['zone'] = 'kopi.internal'
default['kopi']['dns']['records'] = []
