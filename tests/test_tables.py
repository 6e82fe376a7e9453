import torch
from bs4 import BeautifulSoup

from vaebook.tables import mean_and_error, mean_and_spread, table


def test_a_table_shows_its_headers_and_rows_and_can_scroll():
    soup = BeautifulSoup(table([["a", "1.500"], ["b < c", "2 ± 1"]], ["name", "value"]).data, "html.parser")
    assert soup.div["class"] == ["table-scroll"]
    assert [cell.get_text(strip=True) for cell in soup.select("thead th")] == ["name", "value"]
    assert [cell.get_text(strip=True) for cell in soup.select('tbody th[scope="row"]')] == ["a", "b < c"]
    assert [cell.get_text(strip=True) for cell in soup.find_all("td")] == ["1.500", "2 ± 1"]


def test_a_corner_without_a_word_is_no_header():
    soup = BeautifulSoup(table([["a", "1"]], ["", "value"]).data, "html.parser")
    assert [cell.get_text(strip=True) for cell in soup.find_all("th")] == ["value", "a"]


def test_the_spread_is_the_standard_deviation_over_runs():
    assert mean_and_spread([1, 2, 3]) == "2.0 ± 1.0"
    assert mean_and_spread([1, 2, 3, 6], digits=2) == "3.00 ± 2.16"


def test_the_error_of_a_mean_is_the_spread_over_the_root_of_the_number_of_runs():
    assert mean_and_error([1, 2, 3, 6]) == "+3.00 ± 1.08"
    assert mean_and_error(torch.tensor([1.0, 2.0, 3.0, 6.0]), sign="") == "3.00 ± 1.08"
    assert mean_and_error([-1.0, -3.0], digits=1) == "-2.0 ± 1.0"
