"""Sharing images with other accounts."""

from __future__ import annotations

from msgspec.structs import replace

from local_cloud.actions.images import own_image
from local_cloud.actions.paging import page_by_number
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, dry_run, wrong_image_status
from local_cloud.records import READY

MAX_ACCOUNTS_A_CALL = 10


@action("ModifyImageSharePermission")
def modify_image_share_permission(call: Call) -> Answer:
    """Share an image with accounts, end the sharing, make it a community image or a private one.

    Only the first ten accounts of a call count, without an error for the others: see the API reference.
    """
    image = own_image(call)
    if image.status(call.now) != READY:
        raise wrong_image_status()
    add = call.params.items("AddAccount")[:MAX_ACCOUNTS_A_CALL]
    remove = call.params.items("RemoveAccount")[:MAX_ACCOUNTS_A_CALL]
    for account in [*add, *remove]:
        if not (account.isdecimal() and 10 <= len(account) <= 20) or account == call.account:
            raise ApiFault(404, "InvalidAccount.NotFound", "The specified Account does not exist.")
    if call.params.flag("DryRun"):
        raise dry_run()
    shared = {**dict.fromkeys(add, call.now), **image.shared_with}
    call.store.put(
        replace(
            image,
            shared_with={account: since for account, since in shared.items() if account not in remove},
            public=call.params.flag("IsPublic", image.public),
        )
    )
    return {}


@action("DescribeImageSharePermission")
def describe_image_share_permission(call: Call) -> Answer:
    """The accounts that an image of the caller's is shared with."""
    image = own_image(call)
    page, paging = page_by_number(call.params, sorted(image.shared_with.items()))
    return {
        **paging,
        "RegionId": call.region,
        "ImageId": image.id,
        "Accounts": {
            "Account": [{"AliyunId": account, "SharedTime": iso(since)} for account, since in page],
        },
        "ShareGroups": {"ShareGroup": [{"Group": "all"}] if image.public else []},
    }
