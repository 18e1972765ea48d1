"""What mkdocs adds when it builds the site (see `docs/hooks.py`): pages of the optimizers and of the API, curves.

The page of an optimizer is made from its rule:

    words.py        what a program cannot find out: meanings, sources, differences from torch, what a picture shows
    known.py        the facts of a page, found by reading the rule and running the class; memory.py: its state and bytes
    formula.py      the rule's lines as mathematics, from its syntax tree (definitions.py), through mathml.py,
                    elements.py and symbols.py
    valley.py       each optimizer's path through Rosenbrock's valley, and the search for its rate; picture.py draws it
    page.py         the page of one optimizer, with tables.py and figure.py; overview.py: the page of all
    lbfgs.py        what the page of LBFGS says, written by hand, because LBFGS is not a rule

The API reference is made by mkdocstrings:

    api.py          the pages, and which names stand on them
    public.py       adds the names that are made when a module is imported

curve.py draws schedules.

To add an optimizer: nothing, but for the meanings of new hyperparameters and the source it cites in words.py.
"""
