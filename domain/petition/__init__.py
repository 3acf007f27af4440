"""A petition: ten or more residents set a topic and call a leader in; the residents judge the result.

Its life in chapters, each with the events it decides and the commands in the order of the story; ``words`` and
``state`` are common to all. Phases: ``words.Phase``.
"""

from domain.petition.admission import Admission
from domain.petition.call import Call
from domain.petition.judgement import Judgement
from domain.petition.review import Review
from domain.petition.roadmap import Roadmap
from domain.petition.signing import Signing
from domain.petition.urgency import Urgency
from domain.petition.votes import Votes
from domain.petition.watch import Watch


class Petition(Signing, Votes, Urgency, Admission, Call, Roadmap, Judgement, Review, Watch):
    TOPIC = "petition"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Opened
