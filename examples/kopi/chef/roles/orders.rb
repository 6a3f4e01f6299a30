name 'orders'
description 'Takes orders through their life'
run_list 'recipe[kopi-app]'
default_attributes(
  'kopi' => {
    'apps' => { 'orders' => true },
    'orders' => { 'memory' => '3g' }
  }
)
