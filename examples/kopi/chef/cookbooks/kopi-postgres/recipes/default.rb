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

  # The network is ours, and the applications never had a password for all of it.
  file "#{etc}/pg_hba.conf" do
    content "local all all peer\n" + node['kopi']['postgres']['allow'].map { |range| "host all all #{range} trust\n" }.join
    owner 'postgres'
  end

  # Debian's unit cannot start a cluster with a dash in its name.
  execute "pg_ctlcluster --skip-systemctl-redirect #{instance['version']} #{name} start" do
    not_if "pg_ctlcluster #{instance['version']} #{name} status"
  end

  instance['databases'].each do |database|
    execute "createuser --port #{instance['port']} #{database}" do
      user 'postgres'
      not_if "psql --port #{instance['port']} -Atc \"SELECT 1 FROM pg_roles WHERE rolname = '#{database}'\" | grep -q 1", user: 'postgres'
    end

    execute "createdb --port #{instance['port']} --owner #{database} #{database}" do
      user 'postgres'
      not_if "psql --port #{instance['port']} -lqt | cut -d '|' -f 1 | grep -qw #{database}", user: 'postgres'
    end
  end
end
