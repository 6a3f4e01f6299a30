broker_url = "amqp://invoicing:canary-celery-1p5z@rabbit.kopi.internal:5672/kopi"
result_backend = "redis://redis-cache.kopi.internal:6379/4"

task_routes = {"invoicing.tasks.*": {"queue": "invoicing"}}
task_acks_late = True
worker_prefetch_multiplier = 1
