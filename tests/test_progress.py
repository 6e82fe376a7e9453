import io
import sys

import pytest

from vaebook.progress import progress_bar, someone_is_watching


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)


def test_a_page_that_is_being_built_gets_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert list(progress_bar(range(3), 3)) == [0, 1, 2]
    assert not someone_is_watching() and sys.stderr.getvalue() == ""


def test_a_person_at_a_terminal_gets_one(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(progress_bar(range(3), 3)) == [0, 1, 2]
    assert "3/3" in sys.stderr.getvalue()


def test_colab_and_a_live_jupyter_count_as_watched(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setenv("JPY_SESSION_NAME", "2_mnist.ipynb")
    assert someone_is_watching()
    monkeypatch.delenv("JPY_SESSION_NAME")
    monkeypatch.setitem(sys.modules, "google.colab", object())
    assert someone_is_watching()
