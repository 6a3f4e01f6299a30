package 'redis-server'

node['kopi']['redis']['instances'].each do |name, instance|
  template "/etc/redis/#{name}.conf" do
    source 'redis.conf.erb'
    variables(name: name, instance: instance)
  end

  service "redis-server@#{name}" do
    action [:enable, :start]
  end
end
