"""No file imports, at run time and however indirectly, a file that imports it.

The contract of import-linter sees circles between siblings, files and whole folders.  It does not see the circle of a
folder's `__init__.py` and a file in that folder, which are no siblings; this test does.
"""

import graphlib

import pytest

grimp = pytest.importorskip("grimp", reason="grimp comes with import-linter, of the dev extra")


def test_no_two_files_import_each_other() -> None:
    graph = grimp.build_graph("steepest", exclude_type_checking_imports=True)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        pytest.fail(f"{circle}: move what both need into a third file, or the two that need each other into one")
