module git.kopi.example.com/storefront/accounts

go 1.21

require (
	github.com/lib/pq v1.10.9
	github.com/prometheus/client_golang v1.17.0
	github.com/rabbitmq/amqp091-go v1.9.0
	github.com/redis/go-redis/v9 v9.5.1
)
