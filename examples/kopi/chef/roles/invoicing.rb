name 'invoicing'
description 'Tax invoices and receipts (celery)'
run_list 'recipe[kopi-app]'
default_attributes('kopi' => { 'apps' => { 'invoicing' => true } })
