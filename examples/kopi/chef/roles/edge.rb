name 'edge'
description 'nginx in front of everything'
run_list 'recipe[kopi-edge]'
default_attributes(
  'kopi' => {
    'edge' => { 'port' => 80, 'tls_port' => 443, 'server_name' => 'kopi.example.com' }
  }
)
