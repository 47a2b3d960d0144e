"""Reads the fake with a public client of the iiko Cloud API and prints what it found as JSON.

Usage: independent_client.py BASE_URL LOGIN APP_ID CLIENT_SECRET
"""

import asyncio
import json
import sys
import warnings
from datetime import timezone

from iikocloudapi import ApiLoginAuth, AppAuth, IikoApiError, IikoCloud

warnings.simplefilter("ignore", DeprecationWarning)


def millionths(balance):
    return int(balance.scaleb(6).to_integral_exact())


def millis(moment):
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return round(moment.timestamp() * 1000)


async def read(base_url, auth):
    async with IikoCloud(auth=auth, base_url=base_url) as iiko:
        organizations = (await iiko.organizations()).organizations
        ids = [organization.id for organization in organizations]
        groups = await iiko.terminal_groups(organization_ids=ids)
        lists = await iiko.stop_lists(organization_ids=ids, return_size=True)
        return {
            "organizations": {o.id: o.name for o in organizations},
            "groups": {g.id: [g.organization_id, g.name, g.time_zone] for part in groups.terminal_groups for g in part.items},
            "asleep": [g.id for part in groups.terminal_groups_in_sleep for g in part.items],
            "stop_lists": {
                part.organization_id: {
                    group.terminal_group_id: [
                        [i.product_id, i.size_id, millionths(i.balance), i.sku, millis(i.date_add)] for i in group.items
                    ]
                    for group in part.items
                }
                for part in lists.terminal_group_stop_lists
            },
        }


async def refusal(base_url, auth, **request):
    """The status with which a call is refused."""
    async with IikoCloud(auth=auth, base_url=base_url) as iiko:
        try:
            await iiko.stop_lists(**request)
        except IikoApiError as error:
            return [type(error).__name__, error.status_code, getattr(error, "retry_after", None)]
    return None


async def main(base_url, login, app_id, client_secret):
    def application(key=login, secret=client_secret):
        return AppAuth(api_key=key, app_id=app_id, client_secret=secret)

    nobody = "00000000-0000-4000-8000-000000000000"
    found = {
        "v2": await read(base_url, application()),
        "v1": await read(base_url, ApiLoginAuth(login)),
        "wrong_login": await refusal(base_url, ApiLoginAuth("nobody"), organization_ids=[]),
        "wrong_secret": await refusal(base_url, application(secret="wrong"), organization_ids=[]),
        "foreign": await refusal(base_url, application(), organization_ids=[nobody]),
    }
    json.dump(found, sys.stdout)


asyncio.run(main(*sys.argv[1:]))
