name 'partner-gateway'
description 'API for riders and outlet partners'
run_list 'recipe[kopi-app]'
default_attributes(
  'kopi' => {
    'apps' => { 'partner-gateway' => true },
    'partner-gateway' => {
      'env' => {
        # rate limits
        'REDIS_URL' => 'redis://redis-cache.kopi.internal:6379/5'
      }
    }
  }
)
