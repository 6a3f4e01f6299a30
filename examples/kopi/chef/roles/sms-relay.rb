name 'sms-relay'
description 'The only service that talks to SMS providers; each country has its own, see environments'
run_list 'recipe[kopi-app]'
default_attributes('kopi' => { 'apps' => { 'sms-relay' => true } })
