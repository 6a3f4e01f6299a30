name 'delivery'
description 'Riders and routes'
run_list 'recipe[kopi-app]'
default_attributes('kopi' => { 'apps' => { 'delivery' => true } })
