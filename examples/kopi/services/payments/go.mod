module git.kopi.example.com/payments/payments

go 1.22

require (
	github.com/jackc/pgx/v5 v5.5.5
	github.com/pelletier/go-toml/v2 v2.2.2
	github.com/prometheus/client_golang v1.19.1
	github.com/rabbitmq/amqp091-go v1.10.0
)
