name 'lb'
description 'HAProxy and keepalived: the internal load balancer with the virtual address'
run_list 'recipe[kopi-lb]'
default_attributes(
  'kopi' => {
    'lb' => { 'stats_port' => 8404, 'maxconn' => 20_000 }
  }
)
