default['kopi']['lb']['stats_port'] = 8404
default['kopi']['lb']['maxconn'] = 10_000
default['kopi']['lb']['state'] = 'BACKUP'
default['kopi']['lb']['priority'] = 100
# vip, edge_vip, interface, router_id and frontends: see environments
