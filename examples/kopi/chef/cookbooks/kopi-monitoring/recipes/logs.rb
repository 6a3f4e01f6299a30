package 'logstash'

cookbook_file '/etc/logstash/conf.d/pipeline.conf' do
  source 'pipeline.conf' # platform/logs/pipeline.conf
end

service 'logstash' do
  action [:enable, :start]
end
