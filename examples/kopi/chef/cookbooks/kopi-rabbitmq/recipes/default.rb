package 'rabbitmq-server'

rabbit = node['kopi']['rabbitmq']

file '/etc/rabbitmq/rabbitmq.conf' do
  content <<~CONF
    listeners.tcp.default = #{rabbit['port']}
    management.tcp.port = #{rabbit['management_port']}
    prometheus.tcp.port = #{rabbit['prometheus_port']}
    default_vhost = #{rabbit['vhost']}
    loopback_users = none
  CONF
  notifies :restart, 'service[rabbitmq-server]'
end

execute 'rabbitmq-plugins enable rabbitmq_management rabbitmq_prometheus'

service 'rabbitmq-server' do
  action [:enable, :start]
end

# The old admin user, from before there were encrypted data bags.
execute 'rabbitmqctl change_password admin canary-rabbit-admin-8k3d' do
  only_if "rabbitmqctl -q list_users | grep -q '^admin'"
end
