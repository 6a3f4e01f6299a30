name 'pg-payments'
description 'PostgreSQL of payments. Port 5433 since the days it shared a machine with pg-main; staging still does.'
run_list 'recipe[kopi-postgres]'
default_attributes(
  'kopi' => {
    'postgres' => {
      'instances' => {
        'pg-payments' => { 'version' => '14', 'port' => 5433, 'databases' => %w(payments) }
      }
    }
  }
)
