name 'shop'
description 'The monolith: puma and sidekiq'
run_list 'recipe[kopi-shop]'
default_attributes(
  'kopi' => {
    'shop' => {
      'port' => 3000,
      'workers' => 6,
      'sidekiq' => { 'concurrency' => 20, 'queues' => %w(critical default mailers events) }
    }
  }
)
