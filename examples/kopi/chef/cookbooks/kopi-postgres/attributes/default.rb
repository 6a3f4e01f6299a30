default['kopi']['postgres']['instances'] = {}
default['kopi']['postgres']['allow'] = ['10.10.0.0/16', '10.20.0.0/16']
default['kopi']['postgres']['exporter_port'] = 9187
