package %w(chrony rsyslog prometheus-node-exporter)

template '/etc/hosts' do
  source 'hosts.erb'
  variables(zone: node['kopi']['dns']['zone'], records: node['kopi']['dns']['records'])
end

template '/etc/rsyslog.d/50-forward.conf' do
  source 'rsyslog-forward.conf.erb'
  variables(collector: node['kopi']['base']['syslog'])
  notifies :restart, 'service[rsyslog]'
end

user 'kopi' do
  system true
  shell '/usr/sbin/nologin'
end

directory '/etc/kopi/secrets' do
  recursive true
end

service 'rsyslog' do
  action [:enable, :start]
end
