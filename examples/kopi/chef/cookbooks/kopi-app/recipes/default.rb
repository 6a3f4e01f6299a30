node['kopi']['apps'].each do |name, wanted|
  next unless wanted

  app = data_bag_item('apps', name)
  kopi_app name do
    port app['port']
    artifact app['artifact']
    command app['command']
    environment node.read('kopi', name, 'env') || {}
  end
end
