"""The pages of the optimizers, made from their rules when mkdocs builds the site (see `docs/hooks.py`).

    words.py        what no program can find out: meanings, sources, differences from torch, what to see in a picture
    known.py        all that a page says, found out by reading the rule and running the class; memory.py, what is kept
    formula.py      the rule's lines as mathematics, from its syntax tree (definitions.py), through mathml.py,
                    elements.py and symbols.py
    valley.py       each optimizer's path through Rosenbrock's valley, and the search for its rate; picture.py draws it
    page.py         the page of one optimizer, with tables.py and figure.py; overview.py, that of all
    lbfgs.py        what is said of LBFGS, which is no rule, by hand

To add an optimizer: nothing, but for the meanings of new hyperparameters and the source it cites in words.py.
"""
