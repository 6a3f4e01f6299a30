include_recipe 'kopi-app'

app = data_bag_item('apps', 'payments')
secrets = data_bag_item('secrets', 'payments', IO.read('/etc/chef/payments_secret'))

file '/etc/kopi/secrets/payments' do
  content "PGPASSWORD=#{secrets['database_password']}\nCARD_API_KEY=#{secrets['card_api_key']}\n"
  mode '0400'
  sensitive true
end

kopi_app 'payments' do
  port app['port']
  artifact app['artifact']
  command app['command']
  environment node['kopi']['payments']['env']
end
