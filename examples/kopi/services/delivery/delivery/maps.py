import os

import httpx

# One account for all countries; the region is only a hint.
MAPS_URL = "https://maps.atlas.example.com/v1"
REGION = os.environ.get("MAPS_REGION", "sg")


def travel_time(origin: str, destination: str) -> int:
    """Minutes by motorbike."""
    answer = httpx.get(
        f"{MAPS_URL}/matrix",
        params={"from": origin, "to": destination, "mode": "motorbike", "region": REGION},
        timeout=2.0,
    )
    answer.raise_for_status()
    return round(answer.json()["seconds"] / 60)
