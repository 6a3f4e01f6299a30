package 'redis-server'

# The instance that Debian starts would be in the way.
service 'redis-server' do
  action [:stop, :disable]
end

node['kopi']['redis']['instances'].each do |name, instance|
  unit = "redis-server@#{name.delete_prefix('redis-')}" # which reads /etc/redis/NAME.conf

  directory "/var/lib/redis/#{name}" do
    owner 'redis'
  end

  template "/etc/redis/#{name}.conf" do
    source 'redis.conf.erb'
    variables(name: name, instance: instance)
    notifies :restart, "service[#{unit}]"
  end

  service unit do
    action [:enable, :start]
  end
end
