"""Labels: what has no name has the worker's; what has any name keeps it."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from dcp_engine.builtin import labels
from dcp_engine.errors import Denied, Missing
from dcp_engine.model import Machine
from dcp_engine.ports import MachineFacts, VolumeFacts
from tests.unit.builtin.watched import MINUTE, Watched, machine
from tests.unit.runs import START

TAG = "ec2:CreateTags"


class Ec2:
    """Machines with one volume each."""

    def __init__(self, *machines: Machine) -> None:
        self.there = {
            one.instance_id: MachineFacts(
                id=one.instance_id,
                fleet_id=one.fleet_id,
                state="running",
                type="m5.xlarge",
                zone="us-east-1a",
                launched_at=one.began,
                name=one.name or "",
            )
            for one in machines
        }
        self.disks = {
            f"vol-{i}": VolumeFacts(id=f"vol-{i}", instance_id=i, name=one.name)
            for i, one in self.there.items()
        }
        self.calls: list[tuple[str, int]] = []
        self.refuse: Exception | None = None
        self.vanish: set[str] = set()
        """What ends between the last look and the call."""

    def name(self, *ids: str, name: str) -> None:
        for i in ids:
            if i in self.disks:
                self.disks[i] = replace(self.disks[i], name=name)
            else:
                self.there[i] = replace(self.there[i], name=name)

    def volumes(self, instance_ids: Sequence[str]) -> tuple[VolumeFacts, ...]:
        self.calls.append(("volumes", len(instance_ids)))
        return tuple(disk for disk in self.disks.values() if disk.instance_id in instance_ids)

    def facts(self, fleet_ids: Sequence[str]) -> tuple[MachineFacts, ...]:
        self.calls.append(("facts", len(fleet_ids)))
        return tuple(one for one in self.there.values() if one.fleet_id in fleet_ids)

    def label(self, instance_ids: Sequence[str], volumes: Sequence[VolumeFacts]) -> None:
        self.calls.append(("label", len(instance_ids) + len(volumes)))
        if self.refuse:
            raise self.refuse
        for i in self.vanish:
            self.there.pop(i, None)
            self.disks.pop(i, None)
        ids = [*instance_ids, *(volume.id for volume in volumes)]
        if any(i not in self.there and i not in self.disks for i in ids):
            raise Missing(TAG, "InvalidInstanceID.NotFound", "gone")
        self.name(*ids, name="Exp1Worker")


def watched(*machines: Machine) -> tuple[Watched, Ec2]:
    ec2 = Ec2(*machines)
    return Watched(labels.label, SimpleNamespace(machines=ec2), *machines), ec2


def nameless(*numbers: int) -> list[Machine]:
    return [machine(n, name="") for n in numbers]


def names(ec2: Ec2) -> set[str]:
    return {one.name for one in ec2.there.values()} | {disk.name for disk in ec2.disks.values()}


def test_machines_and_volumes_without_a_name_are_named_together() -> None:
    rig, ec2 = watched(*nameless(1, 2), machine(3))
    ec2.name(f"vol-{machine(3).instance_id}", name="")
    rig.tick(30)
    assert names(ec2) == {"Exp1Worker"}
    assert ec2.calls == [("volumes", 3), ("facts", 1), ("label", 5)]
    ((kind, text, data),) = rig.told
    assert (kind, text) == (
        "labels",
        "Naming 2 machines and 3 volumes Exp1Worker, which had no name.",
    )
    assert data == {
        "machines": 2,
        "volumes": 3,
        "first": [machine(1).instance_id, machine(2).instance_id],
    }


def test_the_worker_has_the_first_half_of_the_grace_to_do_it() -> None:
    rig, ec2 = watched(*nameless(1))
    rig.tick(10)
    assert ec2.calls == []


def test_a_name_that_somebody_gave_after_the_look_is_kept() -> None:
    rig, ec2 = watched(*nameless(1, 2))
    ec2.name(machine(1).instance_id, f"vol-{machine(1).instance_id}", name="Ada's")
    rig.tick(30)
    assert ec2.there[machine(1).instance_id].name == "Ada's"
    assert ec2.disks[f"vol-{machine(1).instance_id}"].name == "Ada's"
    assert ec2.there[machine(2).instance_id].name == "Exp1Worker"


def test_thousands_cost_a_question_for_two_hundred_an_hour() -> None:
    rig, ec2 = watched(*map(machine, range(2000)))
    rig.tick(65)
    assert ec2.calls == [("volumes", 200)] * 10
    rig.tick(60)
    assert ec2.calls == [("volumes", 200)] * 20
    assert rig.told == []


def test_thousands_without_a_name_are_looked_at_once_for_all_batches() -> None:
    rig, ec2 = watched(*nameless(*range(1000)))
    rig.tick(30)
    assert names(ec2) == {"Exp1Worker"}
    assert [what for what, _ in ec2.calls].count("facts") == 1
    assert [count for what, count in ec2.calls if what == "label"] == [400] * 5
    assert len(rig.told) == 5


def test_some_that_are_gone_do_not_keep_the_others_from_their_names() -> None:
    rig, ec2 = watched(*nameless(*range(100)))
    gone = {machine(n).instance_id for n in range(0, 40, 2)}
    ec2.vanish = gone | {f"vol-{i}" for i in gone} | {f"vol-{machine(99).instance_id}"}
    rig.tick(30)
    assert len(ec2.there) == 80
    assert names(ec2) == {"Exp1Worker"}
    assert len(ec2.calls) == 6
    rig.tick(300)
    assert len([1 for what, _ in ec2.calls if what == "label"]) == 2


def test_one_that_ec2_shows_and_does_not_find_costs_a_few_calls_and_is_left() -> None:
    rig, ec2 = watched(*nameless(*range(64)))
    ghost = f"vol-{machine(5).instance_id}"
    shown = ec2.disks[ghost]
    volumes = ec2.volumes

    def with_the_ghost(instance_ids: Sequence[str]) -> tuple[VolumeFacts, ...]:
        ec2.disks.pop(ghost, None)
        return (*volumes(instance_ids), shown)

    ec2.volumes = with_the_ghost  # type: ignore[method-assign]  # EC2 shows what is not there
    rig.tick(30)
    assert names(ec2) == {"Exp1Worker"}
    assert len([1 for what, _ in ec2.calls if what == "label"]) < 20
    rig.tick(30)
    assert [what for what, _ in ec2.calls].count("facts") == 2


def test_what_is_refused_is_tried_again_and_told_once() -> None:
    rig, ec2 = watched(*nameless(1))
    ec2.refuse = Denied(TAG, "UnauthorizedOperation", "no")
    rig.clock.advance(1200)
    for _ in range(5):
        with pytest.raises(Denied):
            rig.do()
        rig.clock.advance(3600)
    assert len(rig.told) == 1
    ec2.refuse = None
    rig.do()
    assert names(ec2) == {"Exp1Worker"}


def test_one_that_never_was_described_is_asked_after() -> None:
    rig, ec2 = watched(machine(1, name=None, launched_at=None, began=START - 30 * MINUTE))
    rig.tick(30)
    assert names(ec2) == {"Exp1Worker"}
