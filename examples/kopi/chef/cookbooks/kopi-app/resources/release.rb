# Unpacks an artefact beside the older ones and points current at it.
resource_name :kopi_release
provides :kopi_release
unified_mode true

property :artifact, String, name_property: true
property :into, String, required: true
property :current, String, required: true

action :create do
  folder = "#{new_resource.into}/#{::File.basename(new_resource.artifact, '.*')}"

  archive_file "/var/cache/kopi/#{new_resource.artifact}" do
    destination folder
    not_if { ::Dir.exist?(folder) }
  end

  link new_resource.current do
    to folder
  end
end
