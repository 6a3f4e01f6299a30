package %w(haproxy keepalived)

template '/etc/haproxy/haproxy.cfg' do
  source 'haproxy.cfg.erb'
  variables(lb: node['kopi']['lb'])
  verify 'haproxy -c -f %{path}'
  notifies :reload, 'service[haproxy]'
end

template '/etc/keepalived/keepalived.conf' do
  source 'keepalived.conf.erb'
  variables(lb: node['kopi']['lb'])
  notifies :reload, 'service[keepalived]'
end

%w(haproxy keepalived).each do |name|
  service name do
    action [:enable, :start]
  end
end
