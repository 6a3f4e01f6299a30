package 'prometheus-postgres-exporter'

node['kopi']['postgres']['instances'].each do |name, instance|
  etc = "/etc/postgresql/#{instance['version']}/#{name}"
  package "postgresql-#{instance['version']}"

  execute "pg_createcluster #{instance['version']} #{name} --port #{instance['port']}" do
    not_if { ::File.exist?("#{etc}/postgresql.conf") }
  end

  file "#{etc}/conf.d/kopi.conf" do
    content <<~CONF
      listen_addresses = '*'
      port = #{instance['port']}
      max_connections = 400
      cluster_name = '#{name}'
    CONF
  end

  instance['databases'].each do |database|
    execute "createdb --port #{instance['port']} --owner #{database} #{database}" do
      user 'postgres'
      not_if "psql --port #{instance['port']} -lqt | cut -d '|' -f 1 | grep -qw #{database}", user: 'postgres'
    end
  end
end
