name 'payments'
description 'Card payments. PCI: its own machines, its own cookbook.'
run_list 'recipe[kopi-payments]'
default_attributes(
  'kopi' => {
    'payments' => {
      'port' => 8300,
      'env' => { 'AMQP_URL' => 'amqp://payments@rabbit.kopi.internal:5672/kopi' }
    }
  }
)
