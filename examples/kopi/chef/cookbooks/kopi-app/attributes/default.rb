default['kopi']['root'] = '/srv/kopi'
default['kopi']['etc'] = '/etc/kopi'
default['kopi']['apps'] = {}
