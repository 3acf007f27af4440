"""The community's or cooperative's staff: their opinion, residents, paper, meetings, the door."""

from api.console.forms import Field, Form, declare
from domain.command import Role
from domain.petition.words import Phase

STAFF = frozenset({Role.HOST_STAFF})

declare(
    {
        "host-opinion": Form(
            "/v1/petitions/{id}/host-opinion",
            "出具意见并提交",
            (Field("opinion", "社区(合作社)意见"),),
            roles=STAFF,
            phases=frozenset({Phase.COLLECTING}),
            hint="出具意见后即提交区里;期满未出具的,自动提交。意见不影响申请的提交。",
            done="意见已出具,申请已提交。",
        ),
    }
)
