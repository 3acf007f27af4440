"""The course that petitions may take (domain/course.py) as a Petri net: PNML, ISO/IEC 15909-2.

A place for each state. A petition has one token in each of its machines, and so has each of its parts, however many
there are; a step moves them. What may end where it is leaves without a step; the petition's own token then ends in
``done``.
"""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from domain import course

NAMESPACE = "http://www.pnml.org/version-2009/grammar/pnml"
TYPE = "http://www.pnml.org/version-2009/grammar/ptnet"
FIRST, LAST = "start", "done"
SILENT = {
    "tool": "ProM",
    "version": "6.4",
    "activity": "$invisible$",
}  # what process miners know a step without name by


def pnml() -> bytes:
    root = Element("pnml", xmlns=NAMESPACE)
    net = SubElement(root, "net", id="course", type=TYPE)
    _named(net, "点题约谈 called meeting")
    page = SubElement(net, "page", id="page")
    steps = list(course.transitions())
    states = dict.fromkeys(state for _, before, after in steps for state in (*before, *after))
    ids = {name: f"p{n}" for n, name in enumerate([FIRST, *states, LAST])}
    for name, id in ids.items():
        place = SubElement(page, "place", id=id)
        _named(place, name)
        if name == FIRST:
            SubElement(SubElement(place, "initialMarking"), "text").text = "1"
    arcs: list[tuple[str, str]] = []

    def transition(before: Iterable[str], after: Iterable[str], step: str | None) -> None:
        id = f"t{len(page)}"
        made = SubElement(page, "transition", id=id)
        _named(made, step or id)
        if step is None:
            SubElement(made, "toolspecific", SILENT)
        arcs.extend((ids[name], id) for name in before)
        arcs.extend((id, ids[name]) for name in after)

    for step, before, after in steps:
        transition([FIRST] if step == "petition.Opened" else before, after, step)
    for machine in course.MACHINES:
        for end in machine.ends:
            phase = (machine.kind, machine.aspect) == ("petition", "phase")
            transition([course.state(machine, end)], [LAST] if phase else [], None)
    for n, (source, target) in enumerate(arcs):
        arc = SubElement(page, "arc", id=f"a{n}", source=source, target=target)
        SubElement(SubElement(arc, "inscription"), "text").text = "1"
    final = SubElement(SubElement(net, "finalmarkings"), "marking")
    SubElement(SubElement(final, "place", idref=ids[LAST]), "text").text = "1"
    indent(root)
    net_as_text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return net_as_text


def _named(element: Element, name: str) -> None:
    SubElement(SubElement(element, "name"), "text").text = name
