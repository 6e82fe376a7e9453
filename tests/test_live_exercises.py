"""The field of an exercise in a browser: it answers, by keyboard and by touch, alone and on the site."""

import pytest

from tests.test_site import CHAPTERS
from vaebook.exercises import QUESTIONS, answer
from vaebook.exercises.number import Number

NUMBERS = {name: question for name, question in QUESTIONS.items() if isinstance(question, Number)}


def said(visit, name="1.3"):
    return visit.page.locator("form", has=visit.page.get_by_label(f"Answer to {name}")).get_by_role("status")


def test_by_keyboard_alone_a_mistake_is_named_and_then_the_answer_is_right(live_page):
    visit = live_page(answer("1.3"))
    keyboard = visit.page.keyboard
    keyboard.press("Tab")
    for typed, words in {
        "0.00679": "That is the variance.",
        "x": "Write a number, such as 0.25.",
        ".0824": "Right.",
    }.items():
        keyboard.press("Control+A")
        keyboard.type(typed)
        assert said(visit).inner_text() == ""  # what was said of another number is gone
        keyboard.press("Enter")
        assert said(visit).inner_text() == words
        assert visit.page.locator(".vae-answer[data-passed]").count() == (words == "Right.")
    assert visit.complaints == []


def test_by_touch_the_button_answers_and_is_large_enough(live_page):
    visit = live_page(answer("1.3"), has_touch=True, width=360)
    visit.page.get_by_label("Answer to 1.3").fill("2.718")
    button = visit.page.get_by_role("button", name="Check")
    assert min(button.bounding_box()[side] for side in ("width", "height")) >= 40
    button.tap()
    assert said(visit).inner_text().startswith("Not yet. ")


def test_it_stays_narrow_and_both_themes_can_be_read(live_page):
    for theme in ("light", "dark"):
        visit = live_page(answer("1.2"), theme=theme, width=320)
        visit.page.get_by_label("Answer to 1.2").fill("1")
        visit.page.get_by_role("button", name="Check").click()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 320
        visit.start_audit()
        visit.end_audit()
        assert visit.faults == []


@pytest.mark.parametrize("chapter", sorted({f"{name[0]}" for name in NUMBERS}))
def test_each_question_of_a_chapter_stands_on_its_page_and_takes_the_right_number(open_page, chapter):
    [page] = [name for name in CHAPTERS if name.startswith(chapter)]
    visit = open_page(f"{page}.html")
    for name, question in NUMBERS.items():
        if name.startswith(chapter):
            visit.page.get_by_label(f"Answer to {name}", exact=False).first.fill(f"{question.right:.5g}")
            visit.page.keyboard.press("Enter")
            assert said(visit, name).first.inner_text() == "Right."
