package 'rabbitmq-server'

rabbit = node['kopi']['rabbitmq']

file '/etc/rabbitmq/rabbitmq.conf' do
  content <<~CONF
    listeners.tcp.default = #{rabbit['port']}
    management.tcp.port = #{rabbit['management_port']}
    prometheus.tcp.port = #{rabbit['prometheus_port']}
    default_vhost = #{rabbit['vhost']}
  CONF
end

execute 'rabbitmq-plugins enable rabbitmq_management rabbitmq_prometheus'

# The old admin user, from before there were encrypted data bags.
execute 'rabbitmqctl change_password admin canary-rabbit-admin-8k3d'
