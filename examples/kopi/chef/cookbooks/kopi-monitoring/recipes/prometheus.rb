package 'prometheus'

cookbook_file '/etc/prometheus/prometheus.yml' do
  source 'prometheus.yml' # platform/prometheus.yml, linked in when the cookbook is packed
  notifies :restart, 'service[prometheus]' # a reload right after its start would end it
end

service 'prometheus' do
  action [:enable, :start]
end
