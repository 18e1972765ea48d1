"""What PyInstaller does with steepest: it keeps the sources, from which rules are read, and the data files."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

module_collection_mode = "pyz+py"
hiddenimports = collect_submodules("steepest")
datas = collect_data_files("steepest")
