"""What an examination finds on this computer: the database and the plugins."""

from dcp_engine.doctor.asking import Answers
from dcp_engine.doctor.database import database
from dcp_engine.doctor.finding import Finding
from dcp_engine.doctor.memory import Memory
from dcp_engine.doctor.plugins import plugins


def of_computer(memory: Memory, answers: Answers) -> list[Finding]:
    """`answers` has what the plugins said."""
    return [database(memory.place(), memory.live()), plugins(answers["plugins"])]
