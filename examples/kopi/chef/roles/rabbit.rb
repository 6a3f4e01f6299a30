name 'rabbit'
description 'RabbitMQ'
run_list 'recipe[kopi-rabbitmq]'
default_attributes(
  'kopi' => {
    'rabbitmq' => { 'port' => 5672, 'management_port' => 15672, 'prometheus_port' => 15692, 'vhost' => 'kopi' }
  }
)
