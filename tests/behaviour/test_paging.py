"""Lists page by page (interfaces.md §4): `limit`, an opaque `cursor`, and nothing lost, doubled or told of others between two pages."""

import json
import re
import sys
import unittest
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, ADMIN, GLOBEX, WorldCase  # noqa: E402

SHARED = "talon-gw-shared-key-0123456789"
WITH_SHARED = {"auth": {"api_keys": [{"name": "shared", "key": SHARED}]}}
#: Each list of an operator: its path and its member; an empty member is a bare array, which goes on by Link.
LISTS = {"/v1/admin/tenants": "tenants", "/v1/tenants/acme/api-keys": "api_keys", "/v1/sessions": "sessions", "/v1/evidence?tenant=acme": "records",
         "/api/virtual_keys": "keys", "/api/tenants": "tenants", "/api/logs": "", "/api/sessions": ""}


class Paging(WorldCase):
    def account(self, world, name="Shop"):
        made = world.fetch("POST", "/v1/admin/tenants", {"name": name, "tier": "scale", "provider_keys": "operator"}, key=ADMIN)
        self.assertEqual(made.status, 201, made)
        return made.json()["tenant_id"], made.json()["api_keys"][0]["key"]

    def get(self, world, target, key=ADMIN):
        response = world.fetch("GET", target, key=key)
        self.assertEqual(response.status, 200, response)
        return response

    def following(self, response, target):
        """The target of the next page; None: no more."""
        if link := response.header("Link"):
            return re.fullmatch(r'<(/[^>]*)>; rel="next"', link)[1]
        body = response.json()
        cursor = body.get("next_cursor") if isinstance(body, dict) else None
        return cursor and re.sub(r"[?&]cursor=[0-9a-f]*", "", target) + ("&" if "?" in target else "?") + "cursor=" + cursor

    def pages(self, world, target, member, key=ADMIN, between=lambda: None):
        """The elements of each page."""
        pages = []
        while target:
            response = self.get(world, target, key)
            body = response.json()
            pages.append(body[member] if member else body)
            target = self.following(response, target)
            self.assertLess(len(pages), 100, "pages without an end")
            if target:
                between()
        return pages

    def in_parts(self, world, path, member, key=ADMIN, limits=(1, 2, 3, 1000), **more):
        """The whole, after every way of cutting it into pages has given the same."""
        join = "&" if "?" in path else "?"
        whole = [row for page in self.pages(world, f"{path}{join}limit=1000", member, key) for row in page]
        for limit in limits:
            pages = self.pages(world, f"{path}{join}limit={limit}", member, key, **more)
            self.assertEqual([row for page in pages for row in page], whole, (path, limit))
            self.assertLessEqual(max(map(len, pages)), limit)
            self.assertEqual(len(pages), max(1, -(-len(whole) // limit)), (path, limit))
        return whole

    def api_key(self, world, tenant, name="k"):
        made = world.fetch("POST", f"/v1/tenants/{tenant}/api-keys", {"name": name}, key=ADMIN)
        self.assertEqual(made.status, 201, made)
        return made.json()["key_id"]

    def virtual_key(self, world, **members):
        made = world.fetch("POST", "/api/virtual_keys", {"name": "lent", **members}, key=ADMIN)
        self.assertEqual(made.status, 200, made)
        return made.json()["id"]

    def test_the_keys_of_a_tenant_in_parts(self):
        world = self.world()
        (tenant, key), (other, other_key) = self.account(world), self.account(world)
        made = []
        for number in range(6):
            made.append(self.api_key(world, tenant, f"k{number}"))
            self.api_key(world, other)
        path = f"/v1/tenants/{tenant}/api-keys"
        whole = [row["key_id"] for row in self.in_parts(world, path, "api_keys", key)]
        self.assertEqual(whole[:6], made[::-1], "newest first")
        self.assertEqual(len(whole), 7)

        # A newer key stands before the pages that are left; a revoked one is missing from them; nothing else moves.
        doomed = iter(made[:3])
        change = lambda: (self.api_key(world, tenant), world.fetch("DELETE", f"{path}/{next(doomed)}", key=key))  # noqa: E731
        seen = [row["key_id"] for page in self.pages(world, f"{path}?limit=2", "api_keys", key, between=change) for row in page]
        self.assertEqual(len(set(seen)), len(seen))
        self.assertEqual([name for name in seen if name not in made[:3]], whole[:3] + whole[6:])
        # The key that a page ended with may be the one that goes.
        first = self.get(world, f"{path}?limit=1", key)
        behind = [row["key_id"] for row in self.get(world, f"{path}?limit=1000", key).json()["api_keys"]][1:]
        self.assertEqual(world.fetch("DELETE", f"{path}/{first.json()['api_keys'][0]['key_id']}", key=key).status, 204)
        rest = self.get(world, self.following(first, f"{path}?limit=1000"), key).json()["api_keys"]
        self.assertEqual([row["key_id"] for row in rest], behind)

        # Another tenant's cursor is a place in time and shows nothing of what stood there.
        foreign = self.get(world, f"/v1/tenants/{other}/api-keys?limit=1", other_key).json()["next_cursor"]
        shown = {row["key_id"] for row in self.get(world, f"{path}?cursor={foreign}", key).json()["api_keys"]}
        self.assertLessEqual(shown, set(behind))

    def test_the_virtual_keys_in_parts(self):
        world = self.world()
        made = [self.virtual_key(world, **({"tenant_id": scope} if scope else {})) for scope in ("acme", None, "globex", "acme", None, "far away", "acme")]
        self.assertEqual(world.fetch("POST", f"/api/virtual_keys/{made[3]}/revoke", key=ADMIN).status, 200)
        whole = [row["id"] for row in self.in_parts(world, "/api/virtual_keys", "keys")]
        self.assertEqual(whole, made[::-1], "newest first, whoever they are for")
        in_force = [row["id"] for row in self.in_parts(world, "/api/virtual_keys?include_revoked=false", "keys")]
        self.assertEqual(in_force, [name for name in whole if name != made[3]])

        doomed = iter(made[:3])
        change = lambda: (self.virtual_key(world), world.fetch("POST", f"/api/virtual_keys/{next(doomed)}/revoke", key=ADMIN))  # noqa: E731
        pages = self.pages(world, "/api/virtual_keys?limit=3&include_revoked=true", "keys", between=change)
        self.assertEqual([row["id"] for page in pages for row in page], whole, "a revoked one keeps its row")

    def test_a_page_has_fifty_unless_said_otherwise(self):
        world = self.world()
        for _ in range(51):
            self.virtual_key(world)
        self.assertEqual([len(page) for page in self.pages(world, "/api/virtual_keys", "keys")], [50, 1])

    def test_the_index_of_tenants_in_parts_whoever_calls_meanwhile(self):
        world = self.world(WITH_SHARED)
        names = [f"tenant {number}" for number in range(7)]
        call = lambda name: self.assertEqual(world.chat(key=SHARED, headers=[("X-Talon-Tenant-Id", quote(name))]).status, 200)  # noqa: E731
        for name in names:
            call(name)
        whole = self.in_parts(world, "/api/tenants", "tenants")
        self.assertEqual([row["tenant_id"] for row in whole], names[::-1])
        self.assertEqual([row["tenant_id"] for row in self.in_parts(world, "/api/tenants?q=nt%203", "tenants")], [names[3]])
        listed = json.loads(world.cli("tenant", "list", "--json", check=0).stdout)
        self.assertEqual(listed, self.get(world, "/api/tenants").json(), "no more: the guide's object, as the command line prints it")
        self.assertEqual(listed["tenants"], whole)

        # All of them are active between any two pages, and a new one comes: each is shown once, in the order of the first page.
        def change():
            for name in (*names, "newcomer"):
                call(name)
        seen = [row for page in self.pages(world, "/api/tenants?limit=2", "tenants", between=change) for row in page]
        self.assertEqual([row["tenant_id"] for row in seen], names[::-1])
        self.assertGreater(seen[-1]["session_count"], whole[-1]["session_count"], "with what is so now")

        # A restart forgets the order; the listing goes on behind the tenant it stood at.
        first = self.get(world, "/api/tenants?limit=3")
        world.restart()
        rest = self.get(world, self.following(first, "/api/tenants?limit=1000")).json()
        everyone = [row["tenant_id"] for row in first.json()["tenants"] + rest["tenants"]]
        self.assertEqual(sorted(everyone), sorted([*names, "newcomer"]))
        self.assertNotIn("next_cursor", rest)

    def test_sessions_by_cost_go_on_behind_the_one_a_page_ended_with(self):
        world = self.world()
        for number in range(4):
            self.assertEqual(world.chat(sim=f"usage=1000,{1000 * (number + 1)}", headers=[("X-Talon-Session-Id", f"s{number}")]).status, 200)

        def dearest_again():  # what is on a page already grows, and moves nobody else
            self.assertEqual(world.chat(sim="usage=1000,1000", headers=[("X-Talon-Session-Id", "s3")]).status, 200)

        for limit in (1, 2, 3):
            pages = self.pages(world, f"/api/sessions?order_by=cost_desc&limit={limit}", "", between=dearest_again)
            self.assertEqual([row["id"] for page in pages for row in page], ["s3", "s2", "s1", "s0"])
        first = self.get(world, "/api/sessions?order_by=cost_desc&limit=1")
        following = self.following(first, "").replace("cost_desc", "cost_asc")
        refused = world.fetch("GET", following, key=ADMIN)
        self.assertEqual((refused.status, refused.json()["error"]["code"]), (400, "invalid_request"))

    def test_a_cursor_is_taken_by_its_own_list_alone(self):
        world = self.world(WITH_SHARED)
        for number in range(2):
            for key in (ACME, GLOBEX):
                self.assertEqual(world.chat(key=key, headers=[("X-Talon-Session-Id", f"s{number}")]).status, 200)
            self.api_key(world, "acme")
            self.virtual_key(world)
            self.account(world)
        cursors = {}
        for path in LISTS:
            join = "&" if "?" in path else "?"
            target = self.following(self.get(world, f"{path}{join}limit=1"), path)
            self.assertIsNotNone(target, path)
            cursors[path] = re.search("cursor=([0-9a-f]+)", target)[1]
        for path in LISTS:
            join = "&" if "?" in path else "?"
            of_others = [cursor for other, cursor in cursors.items() if other != path and {other, path} != {"/v1/sessions", "/api/sessions"}]
            mine = cursors[path]
            for query in ("limit=0", "limit=1001", "limit=x", "limit=", "limit=-1", "limit=1&limit=1", "page=2", "cursor=", "cursor=zz", "cursor=00",
                          f"cursor={mine[:2]}", f"cursor={mine[:-1]}", f"cursor={mine.upper()}x", f"cursor={mine}&cursor={mine}",
                          *(f"cursor={cursor}" for cursor in of_others)):
                with self.subTest(path + join + query):
                    response = world.fetch("GET", path + join + query, key=ADMIN)
                    self.assertEqual((response.status, response.code), (400, "invalid_request"), response)
            self.get(world, f"{path}{join}cursor={mine}")

    def test_a_cursor_of_evidence_goes_on_in_its_own_order_alone(self):
        world = self.world()
        for _ in range(3):
            self.assertEqual(world.chat().status, 200)
        first = {order: self.get(world, f"/v1/evidence?tenant=acme&limit=1&order={order}").json()["next_cursor"] for order in ("asc", "desc")}
        for order, other in (("asc", "desc"), ("desc", "asc")):
            self.get(world, f"/v1/evidence?tenant=acme&order={order}&cursor={first[order]}")
            response = world.fetch("GET", f"/v1/evidence?tenant=acme&order={order}&cursor={first[other]}", key=ADMIN)
            self.assertEqual((response.status, response.code), (400, "invalid_request"), response)

    def test_a_tenants_cursor_tells_nothing_of_how_many_others_there_are(self):
        world = self.world()

        def cursor_of(key):
            for number in range(3):
                self.assertEqual(world.chat(key=key, headers=[("X-Talon-Session-Id", f"s{number}")]).status, 200)
            return bytes.fromhex(self.get(world, "/v1/sessions?limit=1", key).json()["next_cursor"])
        _, early_key = self.account(world)
        early = cursor_of(early_key)
        for _ in range(5):
            self.account(world)
        _, late_key = self.account(world)
        late = cursor_of(late_key)
        # But for the start of the session, eight bytes, two tenants that did the same hold the same.
        self.assertEqual(len(early), len(late))
        self.assertLessEqual(sum(a != b for a, b in zip(early, late)), 8)


if __name__ == "__main__":
    unittest.main()
