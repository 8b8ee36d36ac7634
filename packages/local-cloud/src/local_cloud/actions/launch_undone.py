"""The parameters of RunInstances and CreateInstance that the local cloud does not perform; it performs all others.

The values are those that have no effect. Of a subscription's parameters the reference says that without one they have
no effect; others have no visible effect.
"""

from __future__ import annotations

from local_cloud.actions.registry import Call
from local_cloud.actions.undone import ANY, refuse_undone
from local_cloud.errors import ApiFault, not_performed

_NO = ("false",)
_DISK = {"AutoSnapshotPolicyId": (), "BurstingEnabled": _NO, "EncryptAlgorithm": (), "StorageClusterId": ()}

UNDONE: dict[str, tuple[str, ...]] = {
    "Affinity": ("default",),
    "Arn": (),
    "AutoRenew": ANY,
    "AutoRenewPeriod": ANY,
    "ClockOptions": ("disabled",),
    "ClusterId": (),
    "CpuOptions": (),
    "CreditSpecification": ("standard",),
    **{f"DataDisk.{name}": harmless for name, harmless in _DISK.items()},
    "DataDisk.ProvisionedIops": ("0",),
    "DedicatedHostId": (),
    "DeploymentSetGroupNo": (),
    "DeploymentSetId": (),
    "HibernationOptions": _NO,
    "HpcClusterId": (),
    "HttpEndpoint": ("enabled",),
    "HttpPutResponseHopLimit": ANY,
    "ImageOptions": _NO,
    "InnerIpAddress": (),
    "IoOptimized": ("optimized",),
    "Ipv6Address": (),
    "Ipv6AddressCount": ("0",),
    "Isp": (),
    "ManagedHostId": (),
    "NetworkInterface.DeleteOnRelease": ANY,
    "NetworkInterface.Description": ANY,
    "NetworkInterface.Ipv6Address": (),
    "NetworkInterface.Ipv6AddressCount": ("0",),
    "NetworkInterface.NetworkCardIndex": ("0",),
    "NetworkInterface.NetworkInterfaceId": (),
    "NetworkInterface.NetworkInterfaceName": ANY,
    "NetworkInterface.NetworkInterfaceTrafficMode": ("standard",),
    "NetworkInterface.QueueNumber": (),
    "NetworkInterface.QueuePairNumber": (),
    "NetworkInterface.RxQueueSize": (),
    "NetworkInterface.SecondaryPrivateIpAddressCount": ("0",),
    "NetworkInterface.SourceDestCheck": _NO,
    "NetworkInterface.TxQueueSize": (),
    "NetworkInterfaceQueueNumber": (),
    "NetworkOptions.BandwidthWeighting": (),
    "NetworkOptions.EnableJumboFrame": ANY,
    "NetworkOptions.EnableNetworkEncryption": _NO,
    "NodeControllerId": (),
    "Password": (),
    "PasswordInherit": _NO,
    "Period": ANY,
    "PeriodUnit": ANY,
    "PrivateDnsNameOptions": _NO,
    "PrivateDnsNameOptions.HostnameType": ("custom",),
    "PrivatePoolOptions.Id": (),
    "PrivatePoolOptions.MatchCriteria": ("none", "open"),
    "ResourceGroupId": (),
    "SchedulerOptions": (),
    "SecurityEnhancementStrategy": ANY,
    "SecurityOptions": (),
    "SecurityOptions.EnableSecureBoot": _NO,
    "StorageSetId": (),
    "StorageSetPartitionNumber": (),
    **{f"SystemDisk.{name}": harmless for name, harmless in _DISK.items()},
    "SystemDisk.ProvisionedIops": ("0",),
    "Tenancy": ("default",),
    "UseAdditionalService": ANY,
    "VlanId": (),
}


def check_undone(call: Call) -> None:
    """Refuse the parameters that the local cloud does not perform.

    Raises:
        ApiFault: the launch has one of them, or its values are not valid.
    """
    params = call.params
    params.choice(
        "HttpEndpoint",
        ("enabled", "disabled"),
        fault=ApiFault(
            400,
            "InvalidHttpEndpoint.NotSupported",
            "The specified HttpEndpoint not supported, you can use enabled(default) or disabled.",
        ),
    )
    params.choice(
        "IoOptimized",
        ("optimized", "none"),
        fault=ApiFault(400, "InvalidIoOptimize.ValueNotSupported", "The specified IoOptimized is not valid."),
    )
    _check_charge(call)
    _check_keys(call)
    refuse_undone(params, UNDONE)


def _check_keys(call: Call) -> None:
    params = call.params
    for name, value in params.values.items():
        stem, _, word = name.rpartition(".")
        if word == "KMSKeyId" and value and not params.flag(f"{stem}.Encrypted"):
            raise ApiFault(
                400,
                "InvalidEncrypted.NotMatchKmsKeyId",
                "The specified parameter Encrypted must be true when KmsKeyId is not empty.",
            )


def _check_charge(call: Call) -> None:
    params = call.params
    charge = params.choice(
        "InstanceChargeType",
        ("PrePaid", "PostPaid"),
        "PostPaid",
        ApiFault(404, "InvalidInstanceChargeType.NotFound", "The InstanceChargeType does not exist in our records."),
    )
    if charge == "PrePaid":
        raise not_performed("InstanceChargeType=PrePaid")
    if not params.flag("AutoPay", default=True):
        raise ApiFault(
            400,
            "InvalidAutoPay.PostPaidUnsupported",
            "The specified parameter AutoPay must be set as true for postpaid instance.",
        )
