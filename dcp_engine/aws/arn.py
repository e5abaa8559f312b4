"""Amazon Resource Names, taken apart."""

import msgspec

_PARTS = 6


class Arn(msgspec.Struct, frozen=True, kw_only=True):
    """`arn:partition:service:region:account:kind/name` (AWS General Reference, "ARNs").

    `kind` is empty where the resource is a bare name, as for a queue.
    """

    service: str
    region: str
    account: str
    kind: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "Arn | None":
        """The parts, None when it is not an ARN."""
        parts = text.split(":", _PARTS - 1)
        if len(parts) != _PARTS or parts[0] != "arn" or not all(parts[1:3]) or not parts[5]:
            return None
        kind, slash, name = parts[5].partition("/")
        if not slash:
            kind, name = "", parts[5]
        return cls(service=parts[2], region=parts[3], account=parts[4], kind=kind, name=name)

    def within(self, service: str, region: str, account: str) -> bool:
        """Whether it is of this service, region and account."""
        return (self.service, self.region, self.account) == (service, region, account)
