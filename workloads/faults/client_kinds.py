"""What can go wrong on the client's side, whatever the device: the harness does it, not the device."""

from __future__ import annotations

CLIENT_KINDS: dict[str, str] = {
    "overload": "another client asks for as much as the device gives, `queue_depth` requests at a time (64)",
    "client-killed": "another client is killed in the middle of its writes",
    "fio-killed": "the load generator itself is killed",
    "log-disk-full": "what the load generator logs cannot be written any more",
}
"""Kind of fault to what it is."""
