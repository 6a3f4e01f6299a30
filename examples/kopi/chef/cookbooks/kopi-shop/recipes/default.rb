include_recipe 'kopi-app'

app = data_bag_item('apps', 'shop')
root = "#{node['kopi']['root']}/shop"

kopi_release app['artifact'] do
  into "#{root}/releases"
  current "#{root}/current"
end

directory "#{root}/shared/config" do
  recursive true
  owner 'kopi'
end

template "#{root}/shared/config/database.yml" do
  source 'database.yml.erb'
  variables(database: node['kopi']['shop']['database'])
end

template "#{node['kopi']['etc']}/shop.env" do
  source 'app.env.erb'
  cookbook 'kopi-app'
  mode '0640'
  variables(name: 'shop', port: app['port'], env: node['kopi']['shop']['env'],
            country: node['kopi']['country'], environment: node.chef_environment)
end

%w(kopi-shop kopi-shop-worker).each do |unit|
  template "/etc/systemd/system/#{unit}.service" do
    source "#{unit}.service.erb"
    variables(root: root, etc: node['kopi']['etc'], workers: node['kopi']['shop']['workers'])
  end

  service unit do
    action [:enable, :start]
  end
end
