name 'legacy-sync'
description 'Synchronised the menu with the tills of the outlets. The tills are gone.'
# kopi-app needs systemd 240; this machine has 229. Installed by hand.
run_list 'recipe[kopi-base]'
default_attributes('kopi' => { 'apps' => { 'legacy-sync' => true } })
