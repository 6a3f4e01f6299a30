package terraform

// store says where a managed database, cache or broker keeps what is asked about it.
type store struct {
	technology string   // when the type alone tells it
	engine     []string // else the attribute that does
	names      []string // attributes with its own name
	addresses  []string // attributes with host names, IP addresses, URLs or host:port
	ports      []string
}

// stores are the resource types that keep data or messages for others.
var stores = map[string]store{
	"aws_db_instance":                   {engine: []string{"engine"}, names: []string{"identifier"}, addresses: []string{"address", "endpoint"}, ports: []string{"port"}},
	"aws_rds_cluster":                   {engine: []string{"engine"}, names: []string{"cluster_identifier"}, addresses: []string{"endpoint", "reader_endpoint"}, ports: []string{"port"}},
	"aws_docdb_cluster":                 {technology: "mongodb", names: []string{"cluster_identifier"}, addresses: []string{"endpoint", "reader_endpoint"}, ports: []string{"port"}},
	"aws_redshift_cluster":              {technology: "postgres", names: []string{"cluster_identifier"}, addresses: []string{"dns_name", "endpoint"}, ports: []string{"port"}},
	"aws_elasticache_cluster":           {engine: []string{"engine"}, names: []string{"cluster_id"}, addresses: []string{"cluster_address", "configuration_endpoint", "cache_nodes.address"}, ports: []string{"port"}},
	"aws_elasticache_replication_group": {technology: "redis", names: []string{"replication_group_id"}, addresses: []string{"primary_endpoint_address", "reader_endpoint_address", "configuration_endpoint_address"}, ports: []string{"port"}},
	"aws_elasticache_serverless_cache":  {engine: []string{"engine"}, names: []string{"name"}, addresses: []string{"endpoint.address"}, ports: []string{"endpoint.port"}},
	"aws_memorydb_cluster":              {technology: "redis", names: []string{"name"}, addresses: []string{"cluster_endpoint.address"}, ports: []string{"cluster_endpoint.port", "port"}},
	"aws_mq_broker":                     {engine: []string{"engine_type"}, names: []string{"broker_name"}, addresses: []string{"instances.endpoints", "instances.ip_address"}},
	"aws_msk_cluster":                   {technology: "kafka", names: []string{"cluster_name"}, addresses: []string{"bootstrap_brokers", "bootstrap_brokers_tls", "bootstrap_brokers_sasl_scram", "bootstrap_brokers_sasl_iam"}},
	"aws_opensearch_domain":             {technology: "opensearch", names: []string{"domain_name"}, addresses: []string{"endpoint"}},
	"aws_elasticsearch_domain":          {technology: "elasticsearch", names: []string{"domain_name"}, addresses: []string{"endpoint"}},
	"aws_sqs_queue":                     {technology: "sqs", names: []string{"name"}, addresses: []string{"url"}},
	"google_sql_database_instance":      {engine: []string{"database_version"}, names: []string{"name"}, addresses: []string{"private_ip_address", "public_ip_address", "ip_address.ip_address", "dns_name"}},
	"google_redis_instance":             {technology: "redis", names: []string{"name"}, addresses: []string{"host", "read_endpoint"}, ports: []string{"port"}},
	"google_memcache_instance":          {technology: "memcached", names: []string{"name"}, addresses: []string{"discovery_endpoint"}},
	"azurerm_postgresql_server":         {technology: "postgres", names: []string{"name"}, addresses: []string{"fqdn"}},
	"azurerm_postgresql_flexible_server": {
		technology: "postgres", names: []string{"name"}, addresses: []string{"fqdn"}},
	"azurerm_mysql_server":          {technology: "mysql", names: []string{"name"}, addresses: []string{"fqdn"}},
	"azurerm_mysql_flexible_server": {technology: "mysql", names: []string{"name"}, addresses: []string{"fqdn"}},
	"azurerm_mariadb_server":        {technology: "mariadb", names: []string{"name"}, addresses: []string{"fqdn"}},
	"azurerm_mssql_server":          {technology: "sqlserver", names: []string{"name"}, addresses: []string{"fully_qualified_domain_name"}},
	"azurerm_redis_cache":           {technology: "redis", names: []string{"name"}, addresses: []string{"hostname"}, ports: []string{"ssl_port"}},
	"azurerm_cosmosdb_account":      {engine: []string{"kind"}, names: []string{"name"}, addresses: []string{"endpoint"}},
	"azurerm_servicebus_namespace":  {names: []string{"name"}, addresses: []string{"endpoint"}},
	"azurerm_eventhub_namespace":    {technology: "kafka", names: []string{"name"}},
	"digitalocean_database_cluster": {engine: []string{"engine"}, names: []string{"name"}, addresses: []string{"host", "private_host"}, ports: []string{"port"}},
	"scaleway_rdb_instance":         {engine: []string{"engine"}, names: []string{"name"}, addresses: []string{"endpoint_ip", "private_network.ip", "load_balancer.ip"}, ports: []string{"endpoint_port"}},
	"scaleway_redis_cluster":        {technology: "redis", names: []string{"name"}, addresses: []string{"private_network.ips", "public_network.ips"}},
	"mongodbatlas_cluster":          {technology: "mongodb", names: []string{"name"}, addresses: []string{"srv_address"}},
	"mongodbatlas_advanced_cluster": {technology: "mongodb", names: []string{"name"}, addresses: []string{"connection_strings.standard_srv"}},
	"confluent_kafka_cluster":       {technology: "kafka", names: []string{"display_name"}, addresses: []string{"bootstrap_endpoint"}},
	"aiven_pg":                      {technology: "postgres", names: []string{"service_name"}, addresses: []string{"service_host"}, ports: []string{"service_port"}},
	"aiven_mysql":                   {technology: "mysql", names: []string{"service_name"}, addresses: []string{"service_host"}, ports: []string{"service_port"}},
	"aiven_kafka":                   {technology: "kafka", names: []string{"service_name"}, addresses: []string{"service_host"}, ports: []string{"service_port"}},
	"aiven_redis":                   {technology: "redis", names: []string{"service_name"}, addresses: []string{"service_host"}, ports: []string{"service_port"}},
	"aiven_valkey":                  {technology: "valkey", names: []string{"service_name"}, addresses: []string{"service_host"}, ports: []string{"service_port"}},
	"aiven_opensearch":              {technology: "opensearch", names: []string{"service_name"}, addresses: []string{"service_host"}, ports: []string{"service_port"}},
}

// machines are the resource types that are one machine each.
var machines = map[string]bool{
	"aws_instance": true, "aws_spot_instance_request": true, "google_compute_instance": true, "azurerm_virtual_machine": true, "azurerm_linux_virtual_machine": true,
	"azurerm_windows_virtual_machine": true, "digitalocean_droplet": true, "hcloud_server": true, "openstack_compute_instance_v2": true,
	"vsphere_virtual_machine": true, "proxmox_vm_qemu": true, "proxmox_virtual_environment_vm": true, "scaleway_instance_server": true,
	"linode_instance": true, "vultr_instance": true, "exoscale_compute_instance": true, "oci_core_instance": true, "alicloud_instance": true,
	"libvirt_domain": true, "ovh_cloud_project_instance": true, "upcloud_server": true, "ibm_is_instance": true,
}

// Where machines keep their name and addresses, whoever provides them.
var (
	machineNames     = []string{"tags.Name", "name", "display_name", "label", "instance_name"}
	machineHostnames = []string{"hostname", "host_name", "private_dns", "public_dns", "computer_name"}
	machineAddresses = []string{
		"private_ip", "public_ip", "private_ip_address", "public_ip_address", "private_ip_addresses", "public_ip_addresses", "network_interface.network_ip",
		"network_interface.access_config.nat_ip", "ipv4_address", "ipv4_address_private", "ip_address", "access_ip_v4",
		"network.fixed_ip_v4", "network.ip", "default_ip_address", "default_ipv4_address", "network_interface.addresses", "main_ip", "internal_ip",
	}
)

// runtime says where a resource that runs a program keeps what is asked about it.
type runtime struct {
	names     []string
	images    []string
	variables []string // maps of environment variables
	lists     []string // lists of {name, value}
	addresses []string
	ports     []string
}

// runtimes are the resource types that run one program each.
var runtimes = map[string]runtime{
	"aws_lambda_function":             {names: []string{"function_name"}, images: []string{"image_uri"}, variables: []string{"environment.variables"}},
	"google_cloud_run_service":        {names: []string{"name"}, images: []string{"template.spec.containers.image"}, lists: []string{"template.spec.containers.env"}, addresses: []string{"status.url"}, ports: []string{"template.spec.containers.ports.container_port"}},
	"google_cloud_run_v2_service":     {names: []string{"name"}, images: []string{"template.containers.image"}, lists: []string{"template.containers.env"}, addresses: []string{"uri"}, ports: []string{"template.containers.ports.container_port"}},
	"google_cloud_run_v2_job":         {names: []string{"name"}, images: []string{"template.template.containers.image"}, lists: []string{"template.template.containers.env"}},
	"google_cloudfunctions_function":  {names: []string{"name"}, variables: []string{"environment_variables"}, addresses: []string{"https_trigger_url"}},
	"google_cloudfunctions2_function": {names: []string{"name"}, variables: []string{"service_config.environment_variables"}, addresses: []string{"service_config.uri"}},
	"azurerm_container_app":           {names: []string{"name"}, images: []string{"template.container.image"}, lists: []string{"template.container.env"}, addresses: []string{"ingress.fqdn", "latest_revision_fqdn"}, ports: []string{"ingress.target_port"}},
	"azurerm_linux_web_app":           {names: []string{"name"}, variables: []string{"app_settings"}, addresses: []string{"default_hostname"}},
	"azurerm_windows_web_app":         {names: []string{"name"}, variables: []string{"app_settings"}, addresses: []string{"default_hostname"}},
	"azurerm_linux_function_app":      {names: []string{"name"}, variables: []string{"app_settings"}, addresses: []string{"default_hostname"}},
	"azurerm_app_service":             {names: []string{"name"}, variables: []string{"app_settings"}, addresses: []string{"default_site_hostname"}},
	"heroku_app":                      {names: []string{"name"}, variables: []string{"config_vars"}, addresses: []string{"heroku_hostname"}},
	"aws_apprunner_service":           {names: []string{"service_name"}, images: []string{"source_configuration.image_repository.image_identifier"}, variables: []string{"source_configuration.image_repository.image_configuration.runtime_environment_variables"}, addresses: []string{"service_url"}},
	"docker_container":                {names: []string{"name"}, images: []string{"image"}, addresses: []string{"hostname", "network_data.ip_address"}, ports: []string{"ports.internal"}},
}

// records are the resource types that hold one name record, with the attributes of its name and its targets.
var records = map[string]struct{ names, targets []string }{
	"aws_route53_record":               {[]string{"fqdn", "name"}, []string{"records", "alias.name"}},
	"google_dns_record_set":            {[]string{"name"}, []string{"rrdatas"}},
	"cloudflare_record":                {[]string{"hostname", "name"}, []string{"value", "content"}},
	"cloudflare_dns_record":            {[]string{"name"}, []string{"content"}},
	"azurerm_dns_a_record":             {[]string{"fqdn", "name"}, []string{"records"}},
	"azurerm_private_dns_a_record":     {[]string{"fqdn", "name"}, []string{"records"}},
	"azurerm_dns_cname_record":         {[]string{"fqdn", "name"}, []string{"record"}},
	"azurerm_private_dns_cname_record": {[]string{"fqdn", "name"}, []string{"record"}},
	"digitalocean_record":              {[]string{"fqdn", "name"}, []string{"value"}},
	"dns_a_record_set":                 {[]string{"name"}, []string{"addresses"}},
	"dns_cname_record":                 {[]string{"name"}, []string{"cname"}},
	"powerdns_record":                  {[]string{"name"}, []string{"records"}},
	"hetznerdns_record":                {[]string{"name"}, []string{"value"}},
}

// balancers are the resource types that pass connections on, with the attributes of their addresses.
var balancers = map[string][]string{
	"aws_lb": {"dns_name"}, "aws_alb": {"dns_name"}, "aws_elb": {"dns_name"}, "digitalocean_loadbalancer": {"ip"}, "hcloud_load_balancer": {"ipv4", "ipv4_address"},
}

// networks are the types with ranges of addresses, and the attributes that hold them as CIDR: networks, their subnets, and the
// ranges clusters give to nodes, pods and services.
var networks = map[string][]string{
	"aws_vpc":                             {"cidr_block", "ipv6_cidr_block"},
	"aws_vpc_ipv4_cidr_block_association": {"cidr_block"},
	"aws_subnet":                          {"cidr_block", "ipv6_cidr_block"},
	"aws_eks_cluster":                     {"kubernetes_network_config.service_ipv4_cidr"},
	"google_compute_subnetwork":           {"ip_cidr_range", "secondary_ip_range.ip_cidr_range"},
	"google_container_cluster":            {"cluster_ipv4_cidr", "services_ipv4_cidr", "ip_allocation_policy.cluster_ipv4_cidr_block", "ip_allocation_policy.services_ipv4_cidr_block", "private_cluster_config.master_ipv4_cidr_block"},
	"google_container_node_pool":          {"network_config.pod_ipv4_cidr_block"},
	"azurerm_virtual_network":             {"address_space"},
	"azurerm_subnet":                      {"address_prefixes", "address_prefix"},
	"azurerm_kubernetes_cluster":          {"network_profile.pod_cidr", "network_profile.service_cidr"},
	"digitalocean_vpc":                    {"ip_range"},
	"digitalocean_kubernetes_cluster":     {"cluster_subnet", "service_subnet"},
	"hcloud_network":                      {"ip_range"},
	"hcloud_network_subnet":               {"ip_range"},
	"openstack_networking_subnet_v2":      {"cidr"},
	"scaleway_vpc_private_network":        {"ipv4_subnet.subnet", "ipv6_subnets.subnet"},
	"oci_core_vcn":                        {"cidr_block", "cidr_blocks"},
	"oci_core_subnet":                     {"cidr_block"},
	"alicloud_vpc":                        {"cidr_block", "secondary_cidr_blocks"},
	"alicloud_vswitch":                    {"cidr_block"},
	"ibm_is_subnet":                       {"ipv4_cidr_block"},
	"vultr_vpc":                           {"v4_subnet"},
}
