name 'base'
description 'Every machine'
run_list 'recipe[kopi-base]'
default_attributes(
  'kopi' => {
    'base' => {
      'ntp_servers' => %w(0.sg.pool.ntp.org 1.sg.pool.ntp.org),
      'node_exporter' => { 'port' => 9100 }
    }
  }
)
