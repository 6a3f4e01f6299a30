name 'pg-main'
description 'PostgreSQL shared by nearly everybody; also known as db'
run_list 'recipe[kopi-postgres]'
default_attributes(
  'kopi' => {
    'postgres' => {
      'instances' => {
        'pg-main' => {
          'version' => '13',
          'port' => 5432,
          'databases' => %w(shop orders pricing inventory loyalty accounts delivery invoicing)
        }
      }
    }
  }
)
