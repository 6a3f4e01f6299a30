name 'logs'
description 'Logstash for all environments. Lives in Singapore.'
run_list 'recipe[kopi-monitoring::logs]'
default_attributes('kopi' => { 'logs' => { 'beats_port' => 5044, 'syslog_port' => 5140 } })
