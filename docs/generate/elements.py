"""MathML and HTML as text, a function for each kind of element."""

import html
from collections.abc import Iterable


def element(tag: str, *content: str, **attributes: str) -> str:
    """<tag attributes>content</tag>; what is given is markup already."""
    written = "".join(f' {_attribute(name)}="{value}"' for name, value in attributes.items())
    return f"<{tag}{written}>{''.join(content)}</{tag}>"


def _attribute(name: str) -> str:
    return name.replace("xlink_", "xlink:").rstrip("_").replace("_", "-")


def row(*content: str) -> str:
    """Several elements as one."""
    return content[0] if len(content) == 1 else element("mrow", *content)


def operator(sign: str, **attributes: str) -> str:
    """A sign between or before others."""
    return element("mo", sign, **attributes)


def number(value: float) -> str:
    """A number, with its minus as a sign."""
    text = f"{abs(value):g}"
    return row(operator("−", form="prefix"), element("mn", text)) if value < 0 else element("mn", text)


def words(text: str) -> str:
    """Words in a formula, upright, with the spaces they are given."""
    return element("mtext", html.escape(text).replace(" ", "&#160;"))


def word(name: str) -> str:
    """A name that is a word, upright."""
    return element("mi", html.escape(name), mathvariant="normal")


def code(text: str) -> str:
    """A name as it is written in a program; no character of it means anything to Markdown."""
    return element("code", html.escape(text).replace("_", "&#95;").replace("*", "&#42;"))


def in_parentheses(content: str) -> str:
    """( content )."""
    return row(operator("(", form="prefix"), content, operator(")", form="postfix"))


def call(name: str, arguments: Iterable[str]) -> str:
    """name(arguments), the name upright."""
    listed = operator(",", separator="true").join(arguments)
    return row(word(name), operator("&#x2061;"), in_parentheses(listed))


def cases(rows: Iterable[tuple[str, str]]) -> str:
    """Values, and when each of them is meant, behind one brace."""
    lines = (element("mtr", element("mtd", value), element("mtd", when)) for value, when in rows)
    brace = operator("{", form="prefix", stretchy="true", fence="true")
    return row(brace, element("mtable", *lines, class_="cases"))


def symbol(written: str, power: str = "") -> str:
    """A letter such as `β_1`, `bar:p` for a bar above it, or a whole word; with a power.

    What follows the underscore stands below, one letter slanted, anything else upright.
    """
    base, _, below = written.partition("_")
    barred, _, plain = base.rpartition(":")
    letter = _identifier(plain)
    if barred:
        letter = element("mover", letter, operator("¯", stretchy="false"), accent="true")
    if below and power:
        return element("msubsup", letter, _below(below), power)
    if below:
        return element("msub", letter, _below(below))
    return element("msup", letter, power) if power else letter


def _identifier(name: str) -> str:
    return element("mi", name) if len(name) == 1 else word(name)


def _below(text: str) -> str:
    if text.isdigit():
        return element("mn", text)
    if "+" in text:
        left, right = text.split("+")
        return row(_identifier(left), operator("+"), _below(right))
    return _identifier(text)


def math(content: str) -> str:
    """One formula in a line of text."""
    return element("math", content, displaystyle="true")
