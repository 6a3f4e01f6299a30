name 'accounts'
description 'Customers, sign-in, addresses'
run_list 'recipe[kopi-app]'
default_attributes('kopi' => { 'apps' => { 'accounts' => true } })
