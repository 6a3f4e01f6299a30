package 'nginx'

app = data_bag_item('apps', 'edge')

# services/edge is copied whole: nginx.conf and conf.d.
remote_directory '/etc/nginx' do
  source app['folder']
  notifies :reload, 'service[nginx]'
end

service 'nginx' do
  action [:enable, :start]
end
