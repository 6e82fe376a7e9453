# @title The book's package: installed where it is missing; elsewhere this does nothing


def set_up(version, release, carried):
    """Install `vaebook` where it is missing: its release, else `carried`, a wheel as text.

    Where pip can do neither, the carried package is used as it is.
    """
    import base64
    import bz2
    import importlib.metadata
    import importlib.util
    import os
    import re
    import shutil
    import subprocess
    import sys
    import tempfile

    def is_here():
        importlib.invalidate_caches()
        spec = importlib.util.find_spec("vaebook")
        return spec is not None and spec.origin is not None  # a mere folder has none

    if is_here():
        return
    print("The book's package is missing: installing it, and what it needs.")
    folder = tempfile.mkdtemp()
    wheel = os.path.join(folder, f"vaebook-{version}-py3-none-any.whl")
    with open(wheel, "wb") as file:
        file.write(bz2.decompress(base64.b64decode(carried)))
    impatient = os.environ | {"PIP_TIMEOUT": "10", "PIP_RETRIES": "0"}
    for source in (f"vaebook @ {release}", wheel):
        install = [sys.executable, "-m", "pip", "install", "-q", "--no-color", source]
        pip = subprocess.run(install, env=impatient, capture_output=True, text=True)
        if pip.returncode == 0 and is_here():
            print(f"Installed {source}.")
            return
    print("pip could not install it: this notebook's own copy is used.")
    shutil.unpack_archive(wheel, folder, "zip")
    sys.path.append(folder)
    needs = importlib.metadata.requires("vaebook")
    names = [re.match(r"[\w.-]+", need)[0] for need in needs]
    found = importlib.metadata.distributions
    missing = ", ".join(name for name in names if not list(found(name=name)))
    if missing:
        said = pip.stderr.strip()[-300:]
        raise ModuleNotFoundError(f"The book needs {missing} too, and pip says: {said}")
