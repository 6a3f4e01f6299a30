name 'mobile-gateway'
description 'What the phones talk to'
run_list 'recipe[kopi-app]'
default_attributes('kopi' => { 'apps' => { 'mobile-gateway' => true } })
