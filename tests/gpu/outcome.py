"""How a part ends, other than well."""


class Skip(Exception):
    """The machine lacks what the part needs; the words say what."""


class Failure(Exception):
    """What the part tests is wrong; the words say how."""


def check(holds, words):
    if not holds:
        raise Failure(words)
