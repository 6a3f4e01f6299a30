# A service of ours on this machine: release folder, env file, unit.
resource_name :kopi_app
provides :kopi_app
unified_mode true

property :name, String, name_property: true
property :port, Integer, required: true
property :artifact, String, required: true
property :command, String, required: true
property :environment, Hash, default: {}

action :create do
  root = "#{node['kopi']['root']}/#{new_resource.name}"

  directory "#{root}/releases" do
    recursive true
    owner 'kopi'
  end

  kopi_release new_resource.artifact do
    into "#{root}/releases"
    current "#{root}/current"
  end

  template "#{node['kopi']['etc']}/#{new_resource.name}.env" do
    source 'app.env.erb'
    cookbook 'kopi-app'
    mode '0640'
    variables(name: new_resource.name, port: new_resource.port, env: new_resource.environment,
              country: node['kopi']['country'], environment: node.chef_environment)
    notifies :restart, "service[kopi-#{new_resource.name}]"
  end

  template "/etc/systemd/system/kopi-#{new_resource.name}.service" do
    source 'app.service.erb'
    cookbook 'kopi-app'
    variables(name: new_resource.name, root: root, etc: node['kopi']['etc'], command: new_resource.command)
    notifies :restart, "service[kopi-#{new_resource.name}]"
  end

  service "kopi-#{new_resource.name}" do
    action [:enable, :start]
  end
end
