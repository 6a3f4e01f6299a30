name 'prometheus'
description 'Prometheus for all environments. Lives in Singapore.'
run_list 'recipe[kopi-monitoring::prometheus]'
default_attributes('kopi' => { 'prometheus' => { 'port' => 9090, 'retention' => '15d' } })
