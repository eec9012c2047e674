"""What tests of reads share: more callers, exact numbers, refusals with their envelope."""

import datetime
import json
from decimal import Decimal

from talon_world import ACME, CALLERS, WorldCase

STATIC = "static-key-of-ops-0123456789abcdef"
SECOND = "talon-gw-acme-second-application"
WITH_STATIC = {"auth": {"api_keys": [{"name": "ops", "key": STATIC}]}}
TWO_OF_ACME = CALLERS + ({"name": "customer-acme-app2", "tenant_key": SECOND, "tenant_id": "acme"},)
NO_SUCH_ID = "ev_01ARZ3NDEKTSV4RRFFQ69G5FAV"
READS = ("/v1/evidence", f"/v1/evidence/{NO_SUCH_ID}", "/v1/evidence/export", "/v1/evidence/checkpoint", "/v1/costs")


def exact(response):
    """The body with every number as it was written."""
    return json.loads(response.body, parse_float=Decimal, parse_int=Decimal)


def rfc3339(micros):
    whole = datetime.datetime.fromtimestamp(micros // 10**6, datetime.timezone.utc)
    return whole.strftime("%Y-%m-%dT%H:%M:%S.") + f"{micros % 10**6:06}Z"


def costs_of(response):
    """The sums, without the instant they were read at."""
    costs = exact(response)
    costs.pop("to")
    return costs


def without_request_id(response):
    body = response.json()
    body["error"].pop("request_id")
    return body


class ReadCase(WorldCase):
    def read(self, world, target, key=ACME, status=200, **more):
        response = world.fetch("GET", target, key=key, **more)
        self.assertEqual(response.status, status, response)
        return response

    def refused(self, response, status, code):
        self.assertEqual((response.status, response.code), (status, code), response)
        self.assertTrue(response.header("x-request-id"), response)
        self.assertEqual(response.json()["error"]["request_id"], response.header("x-request-id"))
        return response
