"""What a chapter costs its reader."""

from tools import project, reading


def test_reading_counts_words_and_code_in_view_but_neither_formulas_nor_what_is_out_of_view(tmp_path):
    def minutes(words, lines):
        cell = "```{code-cell} ipython3\n%s\n" + "x = 1\n" * lines + "```\n"
        prose = "$a + b + c$ one " * words + "\n\n$$\na + b\n= c\n$$\n"
        path = tmp_path / "1_a.md"
        path.write_text(
            "\n".join([f"# A\n\n{prose}", cell % "", cell % ":tags: [hide-input]", cell % ":tags: [remove-input]"])
        )
        return reading.minutes(path)

    assert [minutes(2000, 1), minutes(3000, 1), minutes(1, 150), minutes(1000, 75)] == [10, 15, 10, 10]


def test_exercises_are_counted_in_their_section_only(tmp_path):
    path = tmp_path / "1_a.md"
    path.write_text("# A\n\n**1.** no\n\n## Exercises\n\n**1.1** a\n\n**2. Name.** b **3.** no\n\n**1.10** c\n")
    assert reading.exercises(path) == 3


def test_a_page_says_what_it_costs(tmp_path, monkeypatch):
    monkeypatch.setattr(project, "BOOK", tmp_path)
    (tmp_path / "chapter_times.json").write_text('{"1_a": {"a machine": 2}}')
    (tmp_path / "1_a.md").write_text(f"# A\n\n{'word ' * 2000}\n\n## Exercises\n\n**1.1** a\n")
    costs = "About 10 minutes to read. Exercises: 1. All cells together run for about 2.0 minutes on a machine."
    assert reading.cost("1_a") == costs
