name 'notifications'
description 'Mail, SMS and push to customers'
run_list 'recipe[kopi-app]'
default_attributes('kopi' => { 'apps' => { 'notifications' => true } })
