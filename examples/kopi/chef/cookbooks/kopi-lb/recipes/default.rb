package %w(haproxy keepalived)

# The machine that waits has the addresses in its configuration before it has them.
sysctl 'net.ipv4.ip_nonlocal_bind' do
  value 1
end

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
