import configparser
import os

import redis
from fastapi import FastAPI

from delivery.maps import travel_time

settings = configparser.ConfigParser()
settings.read(os.environ.get("DELIVERY_CONFIG", "delivery.ini"))

positions = redis.Redis.from_url(os.environ.get("REDIS_URL", settings["redis"]["url"]))
app = FastAPI()


@app.get("/healthz")
def healthz():
    return "ok"


@app.get("/promise")
def promise(outlet: str, to: str):
    return {"minutes": settings.getint("routing", "promise_minutes") + travel_time(outlet, to)}


@app.post("/riders/{rider}/position", status_code=202)
def position(rider: str, lat: float, lon: float):
    positions.geoadd("riders", (lon, lat, rider))
