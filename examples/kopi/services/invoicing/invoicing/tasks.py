import os

import requests
import yaml
from celery import Celery

app = Celery("invoicing")
app.config_from_object("invoicing.celeryconfig")

with open("invoicing.yaml") as f:
    settings = yaml.safe_load(f)


@app.task(bind=True, max_retries=5)
def invoice(self, order_number):
    order = requests.get(f"{os.environ['ORDERS_URL']}/orders/{order_number}", timeout=5).json()
    charge = requests.get(f"{settings['payments']['url']}/charges/{order['charge']}", timeout=5).json()
    return render(order, charge, settings["tax"][os.environ["KOPI_COUNTRY"]])
