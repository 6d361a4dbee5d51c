import re

import pytest

from storbench.common.errors import InputError
from storbench.devices.base import Device, DeviceKind
from storbench.devices.registry import device_kinds, resolve_device


def test_every_builtin_kind_is_listed_with_summary_and_example() -> None:
    listed = {one.name: one for one in device_kinds()}
    assert {"file", "block", "nbd", "nbd+unix", "nbd:memory", "nbd:file"} <= set(listed)
    for one in listed.values():
        assert one.summary
        assert one.example.startswith(one.name)
        assert isinstance(one.object, DeviceKind)


@pytest.mark.parametrize(
    "url",
    [
        "file:t.bin?size=1MiB",
        "file:/data/t.bin?size=4GiB&ioengine=psync&direct=false",
        "nbd:memory?size=1GiB&rate=100MB&delay=2ms",
        "nbd:file?path=/data/t.bin&size=1GiB",
        "nbd://server/export",
        "nbd://server:10810",
        "nbd+unix:///?socket=/run/x.sock",
        "block:/dev/nvme0n1",
    ],
)
def test_a_url_becomes_a_device_without_touching_anything(url: str) -> None:
    assert isinstance(resolve_device(url), Device)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("t.bin", "has no device scheme.*\n.*file:t.bin"),
        ("fle:t.bin?size=1MiB", "no device scheme 'fle'\n.*'file'"),
        ("file:t.bin?sise=1MiB", "unknown parameter 'sise'\n.*'size'"),
        ("file:t.bin?size", "'size' is not KEY=VALUE"),
        ("file:t.bin?size=1MiB&size=2MiB", "'size' is given twice"),
        ("file:t.bin?size=1MX", "'1MX' is not a size"),
        ("file:t.bin?size=0", "size: .*>= 1"),
        ("file:t.bin?size=-4KiB", "size: .*>= 1"),
        ("file:t.bin?size=1MiB&ioengine=null", "ioengine"),
        ("file:t.bin?size=1MiB&direct=maybe", "neither true nor false"),
        ("file:?size=1MiB", "path is missing"),
        ("file:/data/?size=1MiB", "path is missing"),
        ("block:sda", "no absolute path"),
        ("nbd:memory", "size"),
        ("nbd:memory:x?size=1MiB", "has no address"),
        ("nbd:file?size=1MiB", "path"),
        ("nbd:somewhere", "no NBD device"),
        ("nbd+unix:///", "socket"),
        ("nbd+unix:x?socket=/run/x", "no NBD device"),
    ],
)
def test_a_wrong_url_is_refused_and_says_what_to_do(url: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve_device(url)
    assert re.search(message, str(caught.value), re.DOTALL), str(caught.value)


def test_percent_signs_in_values_are_decoded() -> None:
    with pytest.raises(InputError, match="my folder/sub"):
        resolve_device("nbd:file?path=/my%20folder/sub/x%26y.bin").info()
